"""The extensions; everything else about the package stands in pyproject.toml.

Every native/<name>.pyx becomes pcap_analyzer._native.<name>. The environment chooses the build:

    PCAP_ANALYZER_DEBUG=1      bounds checks, asserts, no optimisation
    PCAP_ANALYZER_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer, for gcc
    PCAP_ANALYZER_FUZZ=1       AddressSanitizer and the coverage that atheris reads, for clang

Each has its own folder below build/, so that objects of one never end up in another. Of the .so files in src/ there is
one set, which is why `make` builds the last two elsewhere.
"""

import fcntl
import os
import platform
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

VARIANTS = ("debug", "sanitize", "fuzz")
VARIANT = next((name for name in VARIANTS if os.environ.get(f"PCAP_ANALYZER_{name.upper()}") == "1"), "release")

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": True,
}
CHECKED = {"boundscheck": True, "initializedcheck": True}

# What Cython generates trips these, under the names of gcc and of clang; the rest of -Wall holds.
WARNINGS = [
    "-Wall",
    "-Wno-unknown-warning-option",
    "-Wno-unused-function",
    "-Wno-unused-but-set-variable",
    "-Wno-sign-compare",
    "-Wno-discarded-qualifiers",
    "-Wno-incompatible-pointer-types-discards-qualifiers",
]
COMPILE = {
    "release": ["-O3", "-g1"],
    "debug": ["-O0", "-g", "-UNDEBUG"],
    "sanitize": [
        *("-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer"),
        *("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
    ],
    "fuzz": [
        *("-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer", "-fsanitize=address"),
        "-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp",
    ],
}
# atheris preloads the runtime of the fuzz build: nothing is linked there.
LINK = {"sanitize": ["-fsanitize=address,undefined"]}


def baseline() -> list[str]:
    """The oldest processor that a build runs on; faster paths are chosen at run time."""
    return ["-march=x86-64-v2"] if platform.machine() in ("x86_64", "AMD64") else []


def extensions() -> list[Extension]:
    return [
        Extension(
            f"pcap_analyzer._native.{source.stem}",
            [source.as_posix()],
            extra_compile_args=[*COMPILE[VARIANT], *baseline(), *WARNINGS, "-pthread"],
            extra_link_args=[*LINK.get(VARIANT, []), "-pthread"],
        )
        for source in sorted(Path("native").glob("*.pyx"))
    ]


class BuildNative(build_ext):
    """Translates and compiles what changed, one build at a time."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.inplace:
            # Also for an editable install, whose own folders are temporary: nothing is compiled twice.
            self.build_lib = self.build_temp = f"build/{VARIANT}-{sys.implementation.cache_tag}"
        self.parallel = self.parallel or os.cpu_count() or 1

    def run(self) -> None:
        Path(self.build_temp).mkdir(parents=True, exist_ok=True)
        with (Path(self.build_temp) / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            super().run()

    def build_extensions(self) -> None:
        """From Cython to C, below build/; then C to machine code."""
        translated = cythonize(
            [Extension(extension.name, list(extension.sources)) for extension in self.extensions],
            include_path=["native"],
            build_dir=str(Path(self.build_temp) / "c"),
            compiler_directives=DIRECTIVES | (CHECKED if VARIANT == "debug" else {}),
            force=self.force,
            quiet=not self.verbose,
        )
        sources = {extension.name: extension.sources for extension in translated}
        for extension in self.extensions:
            extension.sources = sources[extension.name]
        super().build_extensions()

    def copy_extensions_to_source(self) -> None:
        # Whatever the times say: the file in src/ may be newer and of another variant.
        self.force = True
        super().copy_extensions_to_source()


if VARIANT == "fuzz":
    os.environ.setdefault("CC", "clang")
    os.environ.setdefault("LDSHARED", "clang -shared")

setup(ext_modules=extensions(), cmdclass={"build_ext": BuildNative})
