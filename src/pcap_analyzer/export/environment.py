"""The template engine as the report uses it; apart from `html`, because importing it takes longer than rendering."""

from __future__ import annotations

import marshal
import os
from collections.abc import MutableMapping
from functools import cache
from typing import Any

import jinja2
from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound

from pcap_analyzer.export.kept import kept
from pcap_analyzer.report import words

TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


class Compiled(BaseLoader):
    """Templates compiled all at once, and kept: compiling them takes longer than the report."""

    def __init__(self) -> None:
        self._files = FileSystemLoader(TEMPLATES)
        self._codes: dict[str, Any] | None = None

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002
    ) -> Template:
        if self._codes is None:
            sources = [os.path.join(TEMPLATES, *name.split("/")) for name in self._files.list_templates()]
            compiled = kept("templates", [jinja2.__file__, *sources], lambda: self._compiled(environment))
            self._codes = marshal.loads(compiled)  # noqa: S302 - our own, beside our own bytecode
        if name not in self._codes:
            raise TemplateNotFound(name)
        made: Template = environment.template_class.from_code(environment, self._codes[name], globals or {})
        return made

    def _compiled(self, environment: Environment) -> bytes:
        codes = {}
        for name in self._files.list_templates():
            source, filename, _ = self._files.get_source(environment, name)
            codes[name] = environment.compile(source, name, filename)
        return marshal.dumps(codes)


@cache
def environment() -> Environment:
    """Templates with escaping on, an error for an unknown name, and the words for numbers."""
    made = Environment(
        loader=Compiled(),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    for name in ("count", "size", "duration", "moment", "plural"):
        made.filters[name] = getattr(words, name)
    for name in ("share", "socket", "bit_rate", "packet_rate"):
        made.globals[name] = getattr(words, name)
    return made
