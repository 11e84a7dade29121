"""What of a template or a script is said to the reader, found without marking it: for extraction, and for translation.

A template is translated when it is compiled, so a page in another language costs nothing more. A message is a run of
text between tags and statements, or in an attribute that is read aloud; what stands in double braces inside becomes
{0}, {1}, … and may change places. Literals inside braces count where they begin with a capital, hold a space, or stand
in _(). The functions `extract_*` are what Babel asks for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

Translate = Callable[[str], str]

JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
TAG = re.compile(r"<[^>]*>", re.DOTALL)
READ_ALOUD = re.compile(r'(\b(?:aria-label|title|placeholder|data-say-\w+)=")([^"]*)(")')
LITERAL = re.compile(r'(?<![\w\]])"([^"\\\n]*)"|(?<![\w\]])\'([^\'\\\n]*)\'')
SPEAKS = re.compile(r"[^\W\d_]{2}")
FIRST = 0xE000  # of the private-use characters that stand for what is between braces while text is looked for
IN_SCRIPT = re.compile(r'\bt\("([^"]*)"[,)]')


def translated(source: str, translate: Translate) -> str:
    """The template with every message in another language."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(_in_braces(found[0], translate))
        return chr(FIRST + len(held) - 1)

    text = JINJA.sub(hold, source)
    pieces, at = [], 0
    for tag in TAG.finditer(text):
        pieces += [_runs(text[at : tag.start()], held, translate), READ_ALOUD.sub(_attribute(held, translate), tag[0])]
        at = tag.end()
    text = "".join([*pieces, _runs(text[at:], held, translate)])
    return re.sub(r"[\ue000-\uf8ff]", lambda one: held[ord(one[0]) - FIRST], text)


def _attribute(held: list[str], translate: Translate) -> Callable[[re.Match[str]], str]:
    return lambda found: found[1] + _runs(found[2], held, translate) + found[3]


def _runs(text: str, held: list[str], translate: Translate) -> str:
    """Statements divide a text into messages; expressions are part of them."""
    statements = "".join(chr(FIRST + at) for at, one in enumerate(held) if not one.startswith("{{"))
    if not statements:
        return _run(text, translate)
    return "".join(
        part if part and part in statements else _run(part, translate) for part in re.split(f"([{statements}])", text)
    )


def _run(text: str, translate: Translate) -> str:
    inner = text.strip()
    if not SPEAKS.search(re.sub(r"[\ue000-\uf8ff]|&\w+;", " ", inner)):
        return text
    places = dict.fromkeys(re.findall(r"[\ue000-\uf8ff]", inner))
    numbers = {place: f"{{{number}}}" for number, place in enumerate(places)}
    message = re.sub(r"\s+", " ", inner)
    for place, number in numbers.items():
        message = message.replace(place, number)
    said = translate(message)
    for place, number in numbers.items():
        said = said.replace(number, place)
    return text.replace(inner, said)


def _in_braces(code: str, translate: Translate) -> str:
    """The literals of an expression or a statement that somebody reads."""
    if code.startswith(("{#", "{% include", "{% from", "{% macro", "{% block")):
        return code

    def literal(found: re.Match[str]) -> str:
        quote, text = found[0][0], found[1] if found[1] is not None else found[2]
        marked = code[: found.start()].endswith("_(")
        if not marked and not (SPEAKS.search(text) and (text[:1].isupper() or " " in text)):
            return found[0]
        if text in NO_MESSAGES:
            return found[0]
        return quote + translate(text).replace(quote, "\N{RIGHT SINGLE QUOTATION MARK}") + quote

    return LITERAL.sub(literal, code)


NAMES = {"TCP", "UDP", "ICMP", "SCTP", "NXDOMAIN", "SYN → SYN/ACK", "SYN/ACK → ACK"}
NO_MESSAGES = NAMES | {"%.6g", "num wide", " bar", " back"}


def said_in_python(source: str) -> Iterator[tuple[int, str]]:
    """Sentences and titles of a module: literals of two words or more that are no docstring; f-strings have {names}."""
    tree = ast.parse(source)
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
        if isinstance(node, ast.keyword) and node.arg in UNSAID:
            skipped |= {id(part) for part in ast.walk(node.value)}
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        message = _message(node)
        if message is not None and _is_sentence(message):
            yield node.lineno, message


UNSAID = {"filter", "source", "display_filter", "field", "url", "where"}


def _message(node: ast.Constant | ast.JoinedStr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    parts, number = [], 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        else:
            parts.append(f"{{{number}}}")
            number += 1
    return "".join(parts)


def _is_sentence(message: str) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"\{\d\}", " ", message))
    return len(words) > 1 and " " in message.strip() and not re.search(r"==|&&|\|\||tcp\.|udp\.|dns\.|icmp", message)


# ---------------------------------------------------------------- Babel: (line, function, message, comments)

Extracted = Iterator[tuple[int, str | None, str, list[str]]]


def extract_template(file: IO[bytes], _keywords: Any, _tags: Any, _options: Any) -> Extracted:
    yield from ((0, None, message, []) for message in said_in_template(file.read().decode()))


def extract_script(file: IO[bytes], _keywords: Any, _tags: Any, _options: Any) -> Extracted:
    yield from ((0, None, message, []) for message in said_in_script(file.read().decode()))


def extract_python(file: IO[bytes], _keywords: Any, _tags: Any, _options: Any) -> Extracted:
    yield from ((line, None, message, []) for line, message in said_in_python(file.read().decode()))


def said_in_template(source: str) -> list[str]:
    found: dict[str, None] = {}

    def note(message: str) -> str:
        found[message] = None
        return message

    translated(source, note)
    return list(found)


def said_in_script(source: str) -> list[str]:
    return list(dict.fromkeys(IN_SCRIPT.findall(source)))
