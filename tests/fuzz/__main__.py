"""Fuzz every harness in turn, each with its part of the time: python -m tests.fuzz --seconds 60 [--crash FILE].

What is tried follows from the seed: how far a run comes depends on the machine, the way there does not. So a change is
not stopped by a finding that is none of its own but by chance.
"""

import argparse
import os
import subprocess
import sys
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import seeds

HARNESSES = ("capture", "walk", "frame", "dns", "tcp")
BUILD = Path("build/fuzz")
CRASHES = BUILD / "crashes"
LONGEST_INPUT = {"capture": 16384, "walk": 4096, "frame": 2048, "dns": 4096, "tcp": 1024}
# An input takes some hundredths of a second: what takes this long hangs, and is not only on a busy machine.
TIME_OUT_S = 30
PRINTED = 8192  # bytes of an input at most that are printed


def environment() -> dict[str, str]:
    """libFuzzer's runtime with ASan has to be there before Python is; its own allocator sees what Python's hides."""
    atheris = find_spec("atheris")
    assert atheris is not None
    assert atheris.origin is not None
    runtime = Path(atheris.origin).parent.parent / "asan_with_fuzzer.so"
    return os.environ | {
        "LD_PRELOAD": str(runtime),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "PYTHONMALLOC": "malloc",
    }


def libfuzzer(harness: str, *arguments: str) -> int:
    command = [sys.executable, "-m", "tests.fuzz.run", harness, f"-artifact_prefix={CRASHES}/{harness}-", *arguments]
    return subprocess.run(command, env=environment(), check=False).returncode


def fuzz(harness: str, seconds: int, seed: int) -> int:
    corpus, seeded = BUILD / "corpus" / harness, BUILD / "seeds" / harness
    for folder in (corpus, seeded, CRASHES):
        folder.mkdir(parents=True, exist_ok=True)
    seeds.write(seeded, harness)
    limits = [f"-timeout={TIME_OUT_S}", "-rss_limit_mb=2048", f"-max_len={LONGEST_INPUT[harness]}"]
    limits += [f"-max_total_time={seconds}", f"-seed={seed}"]
    before = kept()
    code = libfuzzer(harness, *limits, "-print_final_stats=1", "-verbosity=0", str(corpus), str(seeded))
    for path, _ in sorted(kept() - before):
        explain(path)
    return code


def kept() -> set[tuple[Path, int]]:
    """The findings so far, and when they were written: one may be found again."""
    return {(path, path.stat().st_mtime_ns) for path in CRASHES.iterdir()}


def explain(path: Path) -> None:
    """How to run an input again: here, or where a clone is, for the machine that found it may be gone."""
    print(f"--- kept: {path}\n--- again: make fuzz CRASH={path}")
    if path.stat().st_size <= PRINTED:
        text = b64encode(path.read_bytes()).decode()
        print(f"--- elsewhere: mkdir -p {path.parent}; echo {text} | base64 -d > {path}; make fuzz CRASH={path}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of fuzzing, all harnesses together")
    parser.add_argument("--seed", type=int, default=1, help="of what is tried: another one tries other inputs")
    parser.add_argument("--crash", type=Path, help="run one input that was kept, instead of fuzzing")
    options = parser.parse_args()
    if options.crash:
        return libfuzzer(options.crash.name.partition("-")[0], str(options.crash))
    for harness in HARNESSES:
        print(f"--- {harness}", flush=True)
        if code := fuzz(harness, max(1, options.seconds // len(HARNESSES)), options.seed):
            print(f"--- {harness}: a finding with FUZZ_SEED={options.seed}")
            return code
    print(f"--- no finding in {options.seconds} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
