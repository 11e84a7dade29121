"""Fuzz every harness in turn, each with its part of the time: python -m tests.fuzz --seconds 60 [--crash FILE]."""

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import seeds

HARNESSES = ("capture", "walk", "frame", "dns")
BUILD = Path("build/fuzz")
LONGEST_INPUT = {"capture": 16384, "walk": 4096, "frame": 2048, "dns": 4096}


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


def command(harness: str) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.run", harness, f"-artifact_prefix={BUILD}/crashes/{harness}-"]


def fuzz(harness: str, seconds: int) -> int:
    corpus, seeded = BUILD / "corpus" / harness, BUILD / "seeds" / harness
    for folder in (corpus, BUILD / "crashes"):
        folder.mkdir(parents=True, exist_ok=True)
    limits = ["-timeout=10", "-rss_limit_mb=2048", f"-max_len={LONGEST_INPUT[harness]}", f"-max_total_time={seconds}"]
    quiet = ["-print_final_stats=1", "-verbosity=0"]
    started = [*command(harness), *limits, *quiet, str(corpus), str(seeded)]
    return subprocess.run(started, env=environment(), check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of fuzzing, all harnesses together")
    parser.add_argument("--crash", type=Path, help="run one input that was kept, instead of fuzzing")
    options = parser.parse_args()
    if options.crash:
        harness = options.crash.name.partition("-")[0]
        return subprocess.run([*command(harness), str(options.crash)], env=environment(), check=False).returncode
    for harness in HARNESSES:
        print(f"--- {harness}: {seeds.write(BUILD / 'seeds' / harness, harness)} seeds", flush=True)
        if code := fuzz(harness, max(1, options.seconds // len(HARNESSES))):
            print(f"--- {harness}: a finding, kept in {BUILD}/crashes")
            return code
    print(f"--- no finding in {options.seconds} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
