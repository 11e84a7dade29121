"""The template engine as the report uses it; apart from `html`, because importing it takes longer than rendering."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from pcap_analyzer.report import words

HERE = Path(__file__).parent


class _CompiledBesideUs(FileSystemBytecodeCache):
    """Compiled templates where Python keeps its own compiled files; compiling them takes longer than the report."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        # A folder that cannot be written costs time, not the report.
        with suppress(OSError):
            super().dump_bytecode(bucket)


@cache
def environment() -> Environment:
    """Templates with escaping on, an error for an unknown name, and the words for numbers."""
    folder = HERE / "__pycache__"
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
        bytecode_cache=_CompiledBesideUs(str(folder)) if folder.is_dir() and not sys.dont_write_bytecode else None,
    )
    for name in ("count", "size", "duration", "moment", "plural"):
        made.filters[name] = getattr(words, name)
    for name in ("share", "socket", "bit_rate", "packet_rate"):
        made.globals[name] = getattr(words, name)
    return made
