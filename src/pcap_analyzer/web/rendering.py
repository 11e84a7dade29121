"""Pages from jinja2 templates: everything is escaped, and a name that is not given is an error, not an empty place.

Templates are written in English; for another language their sentences are translated when they are loaded, as those of
the report are (export.messages).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Headers
from litestar.types import HTTPScope, Scope
from markupsafe import Markup, escape

from pcap_analyzer import __version__
from pcap_analyzer.export import LANGUAGES
from pcap_analyzer.export.language import functions
from pcap_analyzer.export.messages import said_in_script, translated
from pcap_analyzer.web.cookies import cookie_of
from pcap_analyzer.web.language import LANGUAGE, spoken
from pcap_analyzer.web.messages import filter_teller, teller, translation_of
from pcap_analyzer.web.onward import here
from pcap_analyzer.web.policy import nonce_of, visitor_of
from pcap_analyzer.web.static_files import PLOTLY

FOLDER = Path(__file__).parent / "pages"
SCRIPTS = Path(__file__).parent / "static"
# Each in itself, whatever the page is in.
_NAMES = {"en": "English", "fr": "Français"}
_MOMENT = {"en": "%Y-%m-%d %H:%M", "fr": "%d/%m/%Y %H:%M"}
# Set by page.js: light or dark by choice, not by system.
_THEME_COOKIE = "pcap_analyzer_theme"
_THEMES = {"light", "dark"}


def render(template: str, scope: Scope, status_code: int = 200, **values: Any) -> Response[bytes]:
    """A page in its reader's language; `values` are what the template may name, beside what the layout needs."""
    asked = cast("HTTPScope", scope)
    headers = Headers.from_scope(scope)
    language, theme = spoken(headers), cookie_of(headers, _THEME_COOKIE)
    page = (
        _environment(language)
        .get_template(template)
        .render(
            values,
            nonce=nonce_of(scope),
            csrf=visitor_of(scope).csrf,
            theme=theme if theme in _THEMES else "",
            here=here(asked),
        )
    )
    told = {"Content-Language": language, "Vary": "Accept-Language, Cookie"}
    return Response(page.encode(), media_type="text/html", status_code=status_code, headers=told)


@cache
def _environment(language: str) -> Environment:
    known = functions(language) | {"told": teller(language), "told_of_filter": filter_teller(language)}
    environment = Environment(
        loader=FunctionLoader(_loader(language)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(known)
    environment.filters["shown"] = lambda value: msgspec.json.format(msgspec.json.encode(value)).decode()
    environment.filters["with_code"] = with_code
    environment.filters["instant"] = known["moment"]
    environment.filters["moment"] = lambda when: minute(when, language)
    environment.globals.update(known)
    environment.globals |= {
        "version": __version__,
        "plotly": f"/static/plotly-{PLOTLY}.js",
        "language": language,
        "languages": {one: _NAMES[one] for one in LANGUAGES},
        "choose_language": LANGUAGE,
        "words": _words(language),
    }
    return environment


def _loader(language: str) -> Callable[[str], str]:
    translate = translation_of(language)

    def load(name: str) -> str:
        source = (FOLDER / name).read_text(encoding="utf-8")
        return source if language == "en" else translated(source, translate)

    return load


def minute(when: datetime, language: str) -> str:
    """A moment to the minute, UTC, by day, month and year as the language has it."""
    return f"{when.astimezone(UTC):{_MOMENT[language]}}\N{NO-BREAK SPACE}UTC"


def with_code(text: str) -> Markup:
    """A text in which `this` is code, as Markdown has it."""
    parts = text.split("`")
    pieces = [Markup("<code>{}</code>").format(one) if place % 2 else escape(one) for place, one in enumerate(parts)]
    return Markup("").join(pieces)


def _words(language: str) -> Markup:
    """What the scripts say, by what they say in English; as JSON that may stand in a script element."""
    translate = translation_of(language)
    said = (one for path in sorted(SCRIPTS.glob("*.js")) for one in said_in_script(path.read_text(encoding="utf-8")))
    text = msgspec.json.encode({one: translate(one) for one in said} if language != "en" else {}).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - our own sentences, and no character that ends the element
