"""Plain arguments are read as argparse reads them; all others are left to it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer import cli
from pcap_analyzer.options import Option, plainly

WORDS = [
    "a.pcap",
    "b.pcap",
    "-",
    "3",
    "0",
    "65537",
    "fr",
    "de",
    "warning",
    "",
    "x y",
    "--",
    "-1",
    "--js",
    "-oout",
    "-h",
]
COMMANDS = {name: command for name, command in cli.COMMANDS.items() if not callable(command.options)}
NAMES = sorted({name for command in COMMANDS.values() for option in command.options for name in option.names})


def parsed(name, arguments):
    """None: argparse ended the program."""
    try:
        return vars(cli.parser_of(name, COMMANDS[name]).parse_intermixed_args(arguments))
    except SystemExit:
        return None


@given(
    name=st.sampled_from(sorted(COMMANDS)),
    arguments=st.lists(st.sampled_from([*NAMES, *WORDS, "--json=x", "--threads=2"]), max_size=6),
)
def test_what_is_read_without_argparse_is_what_it_reads(name, arguments):
    plain = plainly(arguments, COMMANDS[name].options)
    assert plain is None or vars(plain) == parsed(name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("analyze", ["a.pcap"]),
        ("analyze", ["a.pcap", "-o", "out", "b.pcap", "--threads", "2", "--fail-on", "warning", "--strict"]),
        ("analyze", ["-", "--json", "-"]),
        ("info", ["--json", "a.pcap"]),
        ("serve", ["--port", "0", "--open"]),
    ],
)
def test_arguments_as_people_write_them_are_plain(name, arguments):
    plain = plainly(arguments, COMMANDS[name].options)
    assert plain is not None
    assert vars(plain) == parsed(name, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["a", "--threads"], ["a", "--threads", "x"], ["a", "--threads", "17"], ["a", "--language", "de"]),
        *(
            ["a", "-x"],
            ["a", "--json=x"],
            ["a", "--jso", "x"],
            ["a", "-oout"],
            ["a", "--json", "--strict"],
            ["--", "a"],
        ),
        ["a", "-h"],
    ],
)
def test_anything_else_is_left_to_argparse(arguments):
    assert plainly(arguments, COMMANDS["analyze"].options) is None


def test_one_argument_where_one_is_wanted():
    assert plainly(["a", "b"], [Option("file")]) is None
    assert plainly(["a"], []) is None


def test_reading_a_capture_does_not_wait_for_argparse(tmp_path):
    code = "import sys; from pcap_analyzer import cli; cli.run(sys.argv[1:])"
    arguments = ["analyze", str(tmp_path / "none.pcap"), "-o", str(tmp_path)]
    command = [sys.executable, "-c", f"{code}; print(*sys.modules)", *arguments]
    imported = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert "pcap_analyzer.options" in imported
    assert {"argparse", "gettext", "locale"}.isdisjoint(imported)
