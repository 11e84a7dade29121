"""The options of a command, declared once: argparse is told of them, and plain arguments are read without it.

Importing argparse and telling it of a dozen options takes 5 ms, for which the scan of a capture would have to wait.
Whatever is not spelled out in full, help and mistakes are left to argparse, whose answer is the same otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

STANDARD = "-"


class Option:
    """One option, or the arguments that are none.

    told: what `add_argument` of argparse takes: choices, default, help, metavar, type, action="store_true", and of what
    is no option nargs="+".
    """

    def __init__(self, *names: str, **told: Any) -> None:
        self.names = names
        self.told = told
        self.place = names[-1].lstrip("-").replace("-", "_")
        self.is_flag = told.get("action") == "store_true"
        self.default = told.get("default", False if self.is_flag else None)


def declare(parser: ArgumentParser, options: Sequence[Option]) -> None:
    """Tell argparse of all options."""
    for option in options:
        parser.add_argument(*option.names, **option.told)


def plainly(arguments: Sequence[str], options: Sequence[Option]) -> Namespace | None:
    """What argparse would make of plain arguments: options by their whole names, each value behind its option.

    None: they are not plain, or something is wrong with them.
    """
    known = {name: option for option in options for name in option.names if name.startswith("-")}
    values: dict[str, Any] = {option.place: option.default for option in options}
    others: list[str] = []
    left = iter(arguments)
    for argument in left:
        if not argument.startswith("-") or argument == STANDARD:
            others.append(argument)
            continue
        option = known.get(argument)
        if option is None:
            return None
        value = True if option.is_flag else _value(option, next(left, None))
        if value is None:
            return None
        values[option.place] = value
    for option in options:
        if not option.names[0].startswith("-"):
            if not others or (len(others) > 1 and "nargs" not in option.told):
                return None
            values[option.place] = others if "nargs" in option.told else others[0]
            others = []
    # What a command asks of either are its attributes.
    return None if others else cast("Namespace", SimpleNamespace(**values))


def _value(option: Option, given: str | None) -> Any:
    """None: there is none, or it is wrong."""
    if given is None or (given.startswith("-") and given != STANDARD):
        return None
    if given not in option.told.get("choices", (given,)):
        return None
    try:
        return option.told.get("type", str)(given)
    except Exception:  # argparse calls it again and says what is wrong
        return None


def between(low: int, high: int) -> Callable[[str], int]:
    """An argument that is a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        if text.isdecimal() and low <= int(text) <= high:
            return int(text)
        from argparse import ArgumentTypeError  # noqa: PLC0415

        raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")

    return parse
