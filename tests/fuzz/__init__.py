"""Coverage-guided fuzzing with atheris: `make fuzz FUZZ_SECONDS=60`.

Each harness is a module with a function `one(data)`, run in its own process on kernels built with AddressSanitizer.
What may happen to hostile bytes stands there. Anything else is a crash (another exception, a finding of the sanitizer,
half a minute without an end, two GiB of memory), kept with its input in build/fuzz/crashes/. To run one again:
`make fuzz CRASH=build/fuzz/crashes/…`. To try other inputs: `make fuzz FUZZ_SEED=$RANDOM`.
"""
