"""A filter's syntax, by recursive descent; every name and value is checked where it stands.

condition   = all { ("or" | "||") all }
all         = one { ("and" | "&&") one }
one         = ("not" | "!") one | "(" condition ")" | test
test        = column operator value | column ["not"] "in" list | column "is" ["not"] "null" | column "&" number
| mark | column of truth values
list        = value | "(" value { "," value } ")"
"""

from __future__ import annotations

import difflib

from pcap_analyzer.errors import FilterError
from pcap_analyzer.filters.syntax import And, Bits, Comparison, Condition, Flag, IsNull, Membership, Network, Not, Or
from pcap_analyzer.filters.tokens import Token, tokens
from pcap_analyzer.filters.values import ADDRESSES, is_text, network, number, value_of
from pcap_analyzer.schema import MARKS, Field, Table

MAX_DEPTH = 100
MARK_COLUMN = "tcp_marks"
OPERATORS = {"==": "==", "=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
WORDS = {"&&": "and", "||": "or", "!": "not"}
# One name for a column of either side.
EITHER = (
    ("host", ("src", "dst")),
    ("port", ("src_port", "dst_port")),
    ("host", ("client", "server")),
    ("port", ("client_port", "server_port")),
    ("host", ("client", "resolver")),
    ("port", ("client_port", "resolver_port")),
)


def parse(text: str, table: Table) -> Condition:
    """What the filter asks of a row of `table`. Raises FilterError, whose message shows the place."""
    try:
        return _Parser(text, table).whole()
    except FilterError as error:
        shown = "".join(one if one.isprintable() else " " for one in text)
        begin = max(0, error.position - 60)
        line = shown[begin : error.position + 40]
        message = f"the filter is wrong at character {error.position + 1}: {error}\n  {line}\n  "
        raise FilterError(message + " " * (error.position - begin) + "^", position=error.position) from None


class _Parser:
    def __init__(self, text: str, table: Table) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        self._depth = 0
        self._table = table
        self._fields = {field.name: field for field in table.fields}
        self._either = {name: both for name, both in EITHER if all(one in self._fields for one in both)}

    def whole(self) -> Condition:
        found = self._condition()
        if self._here.kind != "end":
            raise self._wrong("expected and, or, or the end")
        return found

    # ------------------------------------------------------------ conditions

    def _condition(self) -> Condition:
        parts = [self._all()]
        while self._taken("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._taken("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(f"more than {MAX_DEPTH} conditions inside each other")
        try:
            if self._taken("not"):
                return Not(self._one())
            if self._taken("("):
                inner = self._condition()
                self._expect(")")
                return inner
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Condition:
        name = self._here
        if name.kind != "word":
            raise self._wrong("expected the name of a column")
        self._at += 1
        if name.text in self._either:
            return self._of_either(self._either[name.text])
        if name.text in self._fields:
            return self._of_column(self._fields[name.text])
        if name.text in MARKS and MARK_COLUMN in self._fields:
            return Bits(MARK_COLUMN, 1 << MARKS.index(name.text))
        raise FilterError(self._unknown(name.text), position=name.position)

    def _unknown(self, name: str) -> str:
        known = [*self._fields, *self._either, *(MARKS if MARK_COLUMN in self._fields else ())]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{self._table.name} has no column {name}{hint}"

    def _of_either(self, columns: tuple[str, ...]) -> Condition:
        """The test of the first column, then the same of the other. A negation says that neither is so."""
        begin = self._at
        tests = []
        for column in columns:
            self._at = begin
            tests.append(self._of_column(self._fields[column]))
        first = tests[0]
        if isinstance(first, Not) or (isinstance(first, Comparison) and first.operator == "!="):
            return And(tuple(tests))
        return Or(tuple(tests))

    def _of_column(self, field: Field) -> Condition:
        here = self._here
        if here.kind == "sign" and here.text in OPERATORS:
            self._at += 1
            return self._comparison(field, OPERATORS[here.text])
        if self._taken("&"):
            return self._bits(field)
        if self._taken("is"):
            negated = self._taken("not")
            self._expect("null")
            return Not(IsNull(field.name)) if negated else IsNull(field.name)
        negated = self._peek(1) == "in" and self._taken("not")
        if self._taken("in"):
            inside = self._membership(field)
            return Not(inside) if negated else inside
        if field.kind == "bool":
            return Flag(field.name)
        raise self._wrong(f"expected a comparison of {field.name}, in, or is null")

    def _comparison(self, field: Field, operator: str) -> Condition:
        here = self._here
        if field.kind == "bool":
            if here.text not in ("true", "false") or operator not in ("==", "!="):
                raise self._wrong(f"{field.name} is compared with true or false by == or !=")
            self._at += 1
            flag = Flag(field.name)
            return flag if (here.text == "true") == (operator == "==") else Not(flag)
        if is_text(field) and operator not in ("==", "!="):
            raise FilterError(
                f"{field.name} is text: compare it with == or !=", position=self._tokens[self._at - 1].position
            )
        if field.name in ADDRESSES and "/" in here.text:
            inside = Membership(field.name, (), (self._network(),))
            return inside if operator == "==" else Not(inside)
        return Comparison(field.name, operator, self._value(field))

    def _bits(self, field: Field) -> Condition:
        if not field.kind.startswith("uint"):
            raise self._wrong(f"{field.name} has no bits")
        here = self._here
        if field.name == MARK_COLUMN and here.text in MARKS:
            self._at += 1
            return Bits(field.name, 1 << MARKS.index(here.text))
        try:
            mask = number(here.text)
        except ValueError:
            raise self._wrong("expected a whole number") from None
        if not 0 <= mask < 1 << int(field.kind.removeprefix("uint")):
            raise self._wrong(f"these are not bits of a {field.kind}")
        self._at += 1
        return Bits(field.name, mask)

    def _membership(self, field: Field) -> Condition:
        if field.kind == "bool":
            raise self._wrong(f"{field.name} is compared with true or false by == or !=")
        closing = next((close for begin, close in ("()", "[]", "{}") if self._taken(begin)), None)
        values: list[int | str] = []
        networks: list[Network] = []
        while True:
            if field.name in ADDRESSES and "/" in self._here.text:
                networks.append(self._network())
            else:
                values.append(self._value(field))
            if closing is None or not self._taken(","):
                break
        if closing is not None:
            self._expect(closing)
        return Membership(field.name, tuple(values), tuple(networks))

    # ------------------------------------------------------------ values

    def _value(self, field: Field) -> int | str:
        here = self._here
        if here.kind not in ("value", "text", "word"):
            raise self._wrong(f"expected a value for {field.name}")
        try:
            value = value_of(here.text, field)
        except ValueError as error:
            raise self._wrong(f"expected {error} for {field.name}") from None
        self._at += 1
        return value

    def _network(self) -> Network:
        try:
            found = network(self._here.text)
        except ValueError as error:
            raise self._wrong(f"expected {error}") from None
        self._at += 1
        return found

    # ------------------------------------------------------------ tokens

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _peek(self, offset: int) -> str:
        at = self._at + offset
        return self._tokens[at].text.lower() if at < len(self._tokens) else ""

    def _taken(self, text: str) -> bool:
        """Step over a word or sign, if it stands here."""
        here = self._here
        if here.kind in ("word", "sign") and WORDS.get(here.text, here.text.lower()) == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._taken(text):
            raise self._wrong(f"expected {text}")

    def _wrong(self, message: str) -> FilterError:
        here = self._here
        found = "the filter ends here" if here.kind == "end" else f"found {here.text!r}"
        return FilterError(f"{found}, {message}", position=here.position)
