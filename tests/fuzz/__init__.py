"""Coverage-guided fuzzing with atheris: `make fuzz FUZZ_SECONDS=60`.

Each harness is a module with a function `one(data)`, run in a process of its own on kernels built with AddressSanitizer.
What is allowed to happen to hostile bytes stands there; everything else (another exception, a finding of the sanitizer,
ten seconds without an end, two GiB of memory) is a crash, kept with its input in build/fuzz/crashes/. Run one again with
`make fuzz CRASH=build/fuzz/crashes/…`.
"""
