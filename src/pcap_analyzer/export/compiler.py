"""Templates to Python, by jinja2's own compiler; imported only where what it made is not kept."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, FileSystemLoader

from pcap_analyzer.export.messages import translated
from pcap_analyzer.export.tightened import tightened

RUNTIME = "from jinja2.runtime import "


def compiled(
    folder: str, filters: dict[str, Any], tests: dict[str, Any], translate: Callable[[str], str] | None = None
) -> bytes:
    """Every template below `folder` as code, by name, for marshal. Raises where one uses a filter or test not given."""
    loader = FileSystemLoader(folder)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters, environment.tests = filters, tests
    codes = {}
    for name in loader.list_templates():
        source, filename, _ = loader.get_source(environment, name)
        if translate is not None:
            source = translated(source, translate)
        imported, _, code = environment.compile(source, name, filename, raw=True).partition("\n")
        if not imported.startswith(RUNTIME):
            raise RuntimeError(f"jinja2 compiles templates in a form that is not known here: {imported!r}")
        codes[name] = compile(tightened(code), filename, "exec")
    return marshal.dumps(codes)
