"""Filters: what they mean against a naive evaluator, row by row, and what a wrong one is told."""

import itertools
from ipaddress import ip_address

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.errors import FilterError
from pcap_analyzer.filters import parse
from pcap_analyzer.filters.compiled import compiled
from pcap_analyzer.filters.syntax import (
    And,
    Bits,
    Comparison,
    Flag,
    IsNull,
    Membership,
    Not,
    Or,
    columns_of,
)
from pcap_analyzer.schema import FLOWS, MARKS, PACKETS, arrow_schema
from tests.test_cli import run

NAMES = (
    "frame_number",
    "timestamp",
    "src",
    "dst",
    "ttl",
    "src_port",
    "dst_port",
    "from_client",
    "tcp_marks",
    "ack_rtt",
)
SCHEMA = arrow_schema(PACKETS, NAMES)
ADDRESSES = ["10.0.0.1", "10.1.2.3", "192.168.7.7", "2001:db8::1", "::ffff:10.0.0.1", None]
VALUES = {
    "frame_number": st.integers(0, 2**64 - 1) | st.integers(0, 5),
    "timestamp": st.none() | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1),
    "src": st.sampled_from(ADDRESSES),
    "dst": st.sampled_from(ADDRESSES),
    "ttl": st.none() | st.integers(0, 255),
    "src_port": st.none() | st.sampled_from([0, 80, 443, 65535]),
    "dst_port": st.none() | st.sampled_from([0, 80, 443, 65535]),
    "from_client": st.none() | st.booleans(),
    "tcp_marks": st.none() | st.integers(0, 2 ** len(MARKS) - 1),
    "ack_rtt": st.none() | st.integers(-5, 5) | st.integers(10**6, 10**9),
}
ROWS = st.lists(st.fixed_dictionaries(VALUES), max_size=12)


def batch_of(rows):
    columns = []
    for field in SCHEMA:
        values = [row[field.name] for row in rows]
        dictionary = pa.types.is_dictionary(field.type)
        column = pa.array(values, pa.string() if dictionary else field.type)
        columns.append(column.dictionary_encode() if dictionary else column)
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def mask(text, rows, table=PACKETS):
    return compiled(parse(text, table))(batch_of(rows)).to_pylist()


def naive(condition, row):
    """True, False or None, the way SQL's three values work."""
    match condition:
        case Not(inner):
            found = naive(inner, row)
            return None if found is None else not found
        case And(parts):
            found = [naive(part, row) for part in parts]
            return False if False in found else None if None in found else True
        case Or(parts):
            found = [naive(part, row) for part in parts]
            return True if True in found else None if None in found else False
        case IsNull(column):
            return row[column] is None
    value = row[condition.column]
    if value is None:
        return None
    match condition:
        case Flag():
            return value
        case Bits(mask=bits):
            return value & bits != 0
        case Membership(values=values, networks=networks):
            return value in values or any(ip_address(value) in network for network in networks)
        case Comparison(operator=operator, value=other):
            signs = {"==": 0, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5}
            answers = (value == other, value != other)
            if signs[operator] < 2:
                return answers[signs[operator]]
            return (value < other, value <= other, value > other, value >= other)[signs[operator] - 2]


OPERATORS = st.sampled_from(["==", "=", "!=", "<", "<=", ">", ">="])
NUMBERS = st.integers(-3, 300) | st.sampled_from([2**63, 2**64 - 1, -1])
TESTS = st.one_of(
    st.tuples(st.sampled_from(["frame_number", "ttl", "src_port", "port"]), OPERATORS, NUMBERS).map(
        lambda parts: "{} {} {}".format(*parts)
    ),
    st.tuples(OPERATORS, st.integers(-5, 10**6), st.sampled_from(["ns", "us", "ms", "s"])).map(
        lambda parts: "ack_rtt {} {}{}".format(*parts)
    ),
    st.tuples(OPERATORS, st.integers(-5, 5)).map(lambda parts: "timestamp {} {}".format(*parts)),
    st.tuples(
        st.sampled_from(["src", "dst", "host"]),
        st.sampled_from(["in", "not in", "==", "!="]),
        st.sampled_from(["10.0.0.0/8", "10.0.0.1", "2001:db8::/32", "::/0", "::ffff:10.0.0.1"]),
    ).map(lambda parts: "{} {} {}".format(*parts)),
    st.lists(st.sampled_from(["10.0.0.1", "192.168.0.0/16", "10.1.2.3", "::/96"]), min_size=1, max_size=4).map(
        lambda values: f"src in ({', '.join(values)})"
    ),
    st.lists(NUMBERS, min_size=1, max_size=4).map(lambda values: f"dst_port in [{','.join(map(str, values))}]"),
    st.sampled_from(NAMES).map("{} is null".format),
    st.sampled_from(NAMES).map("{} is not null".format),
    st.sampled_from(["from_client", "from_client == false", "retransmission", "seen_twice", "tcp_marks & 0x11"]),
)
FILTERS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        inner.map("!({})".format),
        st.tuples(inner, st.sampled_from(["and", "or", "&&", "||", "AND"]), inner).map(
            lambda parts: "({}) {} ({})".format(*parts)
        ),
    ),
    max_leaves=6,
)


@given(FILTERS, ROWS)
def test_arrow_says_what_a_look_at_every_row_says(text, rows):
    condition = parse(text, PACKETS)
    assert compiled(condition)(batch_of(rows)).to_pylist() == [naive(condition, row) for row in rows]


@given(st.text(alphabet=st.sampled_from("src dt_port=!<>&|()[]{},.:/0129ax\"'\\ notandris"), max_size=40))
def test_any_text_is_a_condition_or_a_place(text):
    place = 0
    try:
        parse(text, PACKETS)
    except FilterError as error:
        place = error.position
    assert 0 <= place <= len(text)


def row(**values):
    return {**dict.fromkeys(NAMES), "frame_number": 1, **values}


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("src in 10.0.0.0/8", {"src": "10.9.9.9"}, True),
        ("src in 10.0.0.0/8", {"src": "11.0.0.0"}, False),
        ("src in 10.0.0.0/8", {"src": "2001:db8::1"}, False),
        ("src == 2001:DB8:0::1", {"src": "2001:db8::1"}, True),
        ("host == 10.0.0.1", {"src": "9.9.9.9", "dst": "10.0.0.1"}, True),
        ("host != 10.0.0.1", {"src": "9.9.9.9", "dst": "10.0.0.1"}, False),
        ("port not in (53, 80)", {"src_port": 53, "dst_port": 1}, False),
        ("dst_port == 53", {"dst_port": None}, None),
        ("not dst_port == 53", {"dst_port": None}, None),
        ("ttl == 1 or ttl == 2 and ttl == 3", {"ttl": 1}, True),
        ("not ttl == 1 and ttl == 2", {"ttl": 2}, True),
        ("fast_retransmission", {"tcp_marks": 0b11}, True),
        ("fast_retransmission", {"tcp_marks": 0b01}, False),
        ("ack_rtt >= 1.5ms", {"ack_rtt": 1_500_000}, True),
        ("ack_rtt >= 1.5ms", {"ack_rtt": 1_499_999}, False),
        ("timestamp == '2023-11-14T22:13:20.000000001Z'", {"timestamp": 1_700_000_000_000_000_001}, True),
        ("timestamp < '2023-11-14 23:13:20+01:00'", {"timestamp": 1_700_000_000_000_000_000}, False),
        ("ttl < 1000", {"ttl": 255}, True),
        ("ttl == -1", {"ttl": 255}, False),
        ("ttl != -1", {"ttl": 255}, True),
        ("frame_number == 0xFFFF_FFFF_FFFF_FFFF", {"frame_number": 2**64 - 1}, True),
    ],
)
def test_what_is_written_is_what_is_meant(text, values, holds):
    assert mask(text, [row(**values)]) == [holds]


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "expected the name of a column"),
        ("colour == 1", 0, "no column colour"),
        ("ttl == 1 retransmision", 9, "expected and, or"),
        ("retransmision", 0, "did you mean retransmission"),
        ("ttl ==", 6, "ends here"),
        ("ttl == high", 7, "a whole number"),
        ("src == 10.0.0", 7, "an address"),
        ("src in 10.0.0.0/99", 7, "a network"),
        ("src < 10.0.0.1", 4, "== or !="),
        ("ack_rtt > 20", 10, "unit"),
        ("timestamp > yesterday", 12, "a time"),
        ("(ttl == 1", 9, "expected )"),
        ("ttl in (1, 2", 12, "expected )"),
        ("ttl == 1 and", 12, "name of a column"),
        ("ttl == 'x", 7, "second quote"),
        ("ttl == 1; import os", 8, "not understood"),
        ("__import__('os')", 0, "no column"),
        ("tcp_flags & 70000", 12, "bits"),
        ("src & 1", 6, "no bits"),
        ("from_client == 1", 15, "true or false"),
        ("ttl", 3, "comparison"),
    ],
)
def test_a_mistake_has_its_place(text, position, words):
    with pytest.raises(FilterError) as raised:
        parse(text, PACKETS)
    assert raised.value.position == position
    assert words in str(raised.value)


def test_conditions_inside_each_other_have_an_end():
    with pytest.raises(FilterError, match="inside each other"):
        parse("(" * 5000, PACKETS)
    with pytest.raises(FilterError, match="inside each other"):
        parse("not " * 2000 + "from_client", PACKETS)


def test_either_side_of_a_flow():
    assert columns_of(parse("host == 10.0.0.1 and port == 80", FLOWS)) == {
        *("client", "server", "client_port", "server_port")
    }


def test_a_mark_is_one_of_packets_only():
    with pytest.raises(FilterError, match="no column"):
        parse("retransmission", FLOWS)


def test_the_command_shows_the_place_and_reads_nothing(tmp_path):
    done = run("export", tmp_path / "missing.pcap", "--filter", "src = 10.0.0.1 adn ttl = 1", expect=2)
    _first, line, pointer, *_ = done.stderr.decode().split("\n")
    assert line[pointer.index("^") :].startswith("adn")


def test_every_operator_is_tried():
    texts = {"==", "!=", "<", "<=", ">", ">="}
    rows = [row(ttl=value) for value in (1, 2, 3)]
    kept = {sign: mask(f"ttl {sign} 2", rows) for sign in texts}
    assert kept["<"] == [True, False, False]
    assert all(kept[one] != kept[other] for one, other in itertools.combinations(sorted(texts), 2))
