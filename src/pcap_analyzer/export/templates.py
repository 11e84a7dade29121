"""The report's templates at run time, without the engine that compiled them.

Importing jinja2 takes as long as importing all else that a report needs (measured: 20 ms of processor time), and of it
a compiled template calls only the few things below. They are stricter: a name that is not given is an error at once.
Values are escaped unless they are Markup.
"""

from __future__ import annotations

import marshal
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any, NoReturn

from markupsafe import Markup, escape

from pcap_analyzer.export import language
from pcap_analyzer.export.kept import kept

HERE = os.path.dirname(__file__)
FOLDER = os.path.join(HERE, "templates")
LONGEST_NOTE = 40  # characters beside an arrow
FILTERS: dict[str, Callable[..., Any]] = {
    "brief": lambda text: text if len(text) <= LONGEST_NOTE else text[: LONGEST_NOTE - 1].rstrip() + "…",
    "capitalize": str.capitalize,
    "int": int,
    "join": lambda parts, between: between.join(map(str, parts)),
    "length": len,
    "safe": Markup,
}
TESTS: dict[str, Callable[..., bool]] = {"none": lambda value: value is None}
MISSING: Any = object()
SPECIAL = re.compile(r"""[&<>"']""")


def render(name: str, values: dict[str, Any], spoken: str = "en") -> str:
    """The page that a template makes of `values`, in a language."""
    return "".join(_templates(spoken)[name].root_render_func(Context(_globals(spoken) | values)))


def load(spoken: str = "en") -> None:
    """Have all templates of a language in memory."""
    _templates(spoken)


class TemplateError(Exception):
    """A template uses what it was not given."""


class Template:
    """One compiled template. Its names are those that jinja2's compiler writes into the code of others."""

    def __init__(self, code: Any, names: dict[str, Any], values: dict[str, Any]) -> None:
        names = dict(names)
        exec(code, names)  # noqa: S102 - compiled from our own files
        self.root_render_func: Callable[[Context], Iterator[str]] = names["root"]
        self._values = values
        self._macros: SimpleNamespace | None = None

    def new_context(self, values: dict[str, Any], _shared: bool, local: dict[str, Any]) -> Context:
        return Context(values | {name: value for name, value in local.items() if value is not MISSING})

    def _get_default_module(self, _context: Context) -> SimpleNamespace:
        """What a template exports: its macros, which see no values but their arguments."""
        if self._macros is None:
            context = Context(dict(self._values))
            for _ in self.root_render_func(context):
                pass
            self._macros = SimpleNamespace(**{name: context.vars[name] for name in context.exported_vars})
        return self._macros


class Context:
    """The names that a template sees."""

    eval_ctx = SimpleNamespace(autoescape=True)

    def __init__(self, values: dict[str, Any]) -> None:
        self.vars = values
        self.exported_vars: set[str] = set()

    def resolve_or_missing(self, name: str) -> Any:
        return self.vars.get(name, MISSING)

    def get_all(self) -> dict[str, Any]:
        return self.vars

    def call(self, called: Callable[..., Any], *given: Any, _loop_vars: object = None, **named: Any) -> Any:
        return called(*given, **named)


class Macro:
    """A piece of a template that is called with arguments; `call` blocks reach it as `caller`."""

    def __init__(
        self,
        _environment: object,
        function: Callable[..., str],
        name: str | None,
        parameters: tuple[str, ...],
        _named: bool,
        _more: bool,
        caller: bool,
        _escapes: bool,
    ) -> None:
        self._function = function
        self._name = name
        self._parameters = (*parameters, "caller") if caller else parameters

    def __call__(self, *given: Any, **named: Any) -> Markup:
        if not named and len(given) == len(self._parameters):
            return str.__new__(Markup, self._function(*given))  # put together from escaped parts
        left = [named.pop(name, MISSING) for name in self._parameters[len(given) :]]
        if named or len(given) > len(self._parameters):
            raise TemplateError(f"the macro {self._name} takes {', '.join(self._parameters) or 'nothing'}")
        return Markup(self._function(*given, *left))  # noqa: S704 - put together from escaped parts


class LoopContext:
    """`loop` inside a loop: gives each item with itself."""

    def __init__(self, items: Iterable[Any], _undefined: object) -> None:
        self._items = list(items)
        self._place = -1

    def __iter__(self) -> Iterator[tuple[Any, LoopContext]]:
        for place, one in enumerate(self._items):
            self._place = place
            yield one, self

    first = property(lambda self: self._place == 0)
    last = property(lambda self: self._place == len(self._items) - 1)
    previtem = property(lambda self: self._items[self._place - 1])


class Namespace(SimpleNamespace):
    """What `namespace` makes: values that a loop may set for what follows it."""

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)


def escaped(value: Any) -> str:
    """As markupsafe does it, but without a Markup around each value, which takes longer than all else in a template.

    What this gives is put together at once and never escaped again: a macro marks its whole result.
    """
    if type(value) is int:
        return str(value)
    return value if type(value) is str and SPECIAL.search(value) is None else escape(value)


def undefined(reason: str = "", name: str = "") -> NoReturn:
    raise TemplateError(reason or f"the template was not given {name!r}")


def attribute(value: Any, name: str) -> Any:
    """`value.name` in a template: an attribute, or else an item."""
    try:
        return getattr(value, name)
    except AttributeError:
        return _one_of(value, name)


def item(value: Any, key: Any) -> Any:
    """`value[key]` in a template: an item, or else an attribute."""
    try:
        return value[key]
    except (LookupError, TypeError):
        return getattr(value, key) if isinstance(key, str) and hasattr(value, key) else _one_of(value, key)


def _one_of(value: Any, key: Any) -> Any:
    try:
        return value[key]
    except (LookupError, TypeError):
        undefined(f"{type(value).__name__} has no {key!r}")


def joined(parts: Iterable[Any]) -> str:
    """`a ~ b` in a template; Markup where a part is."""
    values = list(parts)
    if any(isinstance(value, Markup) for value in values):
        return Markup("").join(values)
    return "".join(map(str, values))


@cache
def _templates(spoken: str) -> dict[str, Template]:
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(FOLDER) for name in names)
    paths += [os.path.join(HERE, name) for name in ("compiler.py", "messages.py", "templates.py", "tightened.py")]
    if spoken != "en":
        from pcap_analyzer.export.catalog import path_of  # noqa: PLC0415

        paths.append(path_of(spoken))
    codes = marshal.loads(kept(f"templates-{spoken}", paths, lambda: _compiled(spoken)))  # noqa: S302 - as Python does
    names, values = names_of(spoken), _globals(spoken)
    return {name: Template(code, names, values) for name, code in codes.items()}


def _compiled(spoken: str) -> bytes:
    from pcap_analyzer.export.compiler import compiled  # noqa: PLC0415

    return compiled(FOLDER, _filters(spoken), TESTS, None if spoken == "en" else language.messages_of(spoken))


def _filters(spoken: str) -> dict[str, Callable[..., Any]]:
    return FILTERS | language.functions(spoken)


def _globals(spoken: str) -> dict[str, Any]:
    """What every template may name."""
    return {"namespace": Namespace, "spoken": spoken, **language.functions(spoken)}


@cache
def names_of(spoken: str) -> dict[str, Any]:
    """What the code of a template finds as global names."""
    return {
        "LoopContext": LoopContext,
        "Macro": Macro,
        "Namespace": Namespace,
        "Markup": Markup,
        "Undefined": lambda _reason: "",  # an inline `if` without `else`
        "attribute": attribute,
        "escape": escaped,
        "special": SPECIAL.search,
        "markup_join": joined,
        "missing": MISSING,
        "environment": SimpleNamespace(
            concat="".join,
            filters=_filters(spoken),
            tests=TESTS,
            getattr=attribute,
            getitem=item,
            get_template=lambda name, _parent=None: _templates(spoken)[name],
            undefined=undefined,
        ),
    }
