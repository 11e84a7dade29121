"""One harness under atheris, in the process that __main__ prepared: tests.fuzz.run HARNESS [libFuzzer options]."""

import sys
from importlib import import_module

import atheris

if __name__ == "__main__":
    harness = import_module(f"tests.fuzz.{sys.argv.pop(1)}")
    atheris.Setup(sys.argv, harness.one)
    atheris.Fuzz()
