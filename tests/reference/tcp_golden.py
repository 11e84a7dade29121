"""What tshark says of the TCP analysis of a packet, and what the twin says, as columns to compare."""

from __future__ import annotations

from tests.reference.golden import Row, text
from tests.reference.tcp_segments import Mark, Verdict

MARKS = tuple(mark for mark in Mark if mark is not Mark.seen_twice)
# tshark's columns and those of Verdict.
VALUES = {
    "a_ack_rtt": "ack_rtt",
    "a_acks_frame": "acks_frame",
    "a_bytes_in_flight": "bytes_in_flight",
    "a_initial_rtt": "initial_rtt",
    "a_dup_ack_num": "duplicate_number",
    "tcp_win": "window",
}
TIMES = ("a_ack_rtt", "a_initial_rtt")


def nanoseconds(seconds: str) -> str:
    """Seconds with a fraction of nine digits, as whole nanoseconds."""
    if not seconds:
        return ""
    whole, _, fraction = seconds.lstrip("-").partition(".")
    return ("-" if seconds.startswith("-") else "") + str(int(whole) * 10**9 + int(fraction.ljust(9, "0")))


def expected_marks(row: Row) -> set[str]:
    return set(row["flags"].split(",")) - {""}


def expected_values(row: Row) -> dict[str, str]:
    """Of the innermost header, where there are several."""
    last = {column: row[column].rpartition(",")[2] for column in VALUES}
    return last | {column: nanoseconds(last[column]) for column in TIMES}


def found_marks(verdict: Verdict | None) -> set[str]:
    return set() if verdict is None else {mark.name or "" for mark in MARKS if mark in verdict.marks}


def found_values(verdict: Verdict | None) -> dict[str, str]:
    return {column: text(None if verdict is None else getattr(verdict, name)) for column, name in VALUES.items()}
