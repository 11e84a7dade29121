"""Every DNS message of the corpus beside tshark's recorded answer: which response answers which query, after how long.

Where the two differ there is a reason, one of REASONS, that is checked on the message itself.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pcap_analyzer.pipeline import open_capture

pytestmark = pytest.mark.corpus

Row = dict[str, Any]
MESSAGES = 1700  # in the corpus, at least: single ones in a frame, not in ICMP errors
TIMEOUT_NS = 5_000_000_000  # after which tshark takes a repeated query for a new one


@dataclass
class Capture:
    """Our transactions of a capture by the frames of their messages, and tshark's messages by frame. cut: frames."""

    asked: dict[int, Row]
    answered: dict[int, Row]
    messages: dict[int, Row]
    cut: set[int]


def read(file) -> Capture:
    with open_capture(file.path) as capture:
        table = capture.dns().read_all()
    for name in ("timestamp", "latency", "retry_latency"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
    rows = table.to_pylist()
    messages = {row["n"]: row for row in file.summary["app"]["dns"]}
    asked = {row["frame_number"]: row for row in rows}
    with open_capture(file.path) as capture:
        packets = capture.packets(("frame_number", "captured_length", "original_length")).read_all().to_pylist()
    cut = {row["frame_number"] for row in packets if row["captured_length"] < row["original_length"]}
    return Capture(asked, {row["response_frame"]: row for row in rows if row["response_frame"]}, messages, cut)


def is_compared(message: Row) -> bool:
    """A frame of netlink's log holds packets several times over; an ICMP error only quotes."""
    return isinstance(message["dns.id"], str) and "icmp" not in message["frame.protocols"]


@pytest.fixture(scope="module")
def captures_with_dns(corpus) -> dict[str, Capture]:
    return {file.name: read(file) for file in corpus if file.is_capture and file.summary.get("app", {}).get("dns")}


def is_response(message: Row) -> bool:
    return message["dns.flags.response"] in ("1", "True")


def differences(capture: Capture, frame: int, message: Row) -> dict[str, tuple[Any, Any]]:
    """What is said otherwise, by tshark and by us."""
    row = (capture.answered if is_response(message) else capture.asked).get(frame)
    if row is None:
        return {"missing": (message["dns.id"], None)}
    name = row["query_name"] and unescaped(row["query_name"])
    # The transaction's name may come from its other message.
    expected = {"id": int(message["dns.id"], 16), "name": message.get("dns.qry.name", name)}
    found = {"id": row["transaction_id"], "name": name}
    if is_response(message):
        to, time = message.get("dns.response_to"), message.get("dns.time")
        expected |= {
            "pair": int(to) if to else None,
            "latency": int(Decimal(time) * 10**9) if time else None,
            "rcode": int(message.get("dns.flags.rcode", "0"), 0),
            "answers": int(message.get("dns.count.answers", row["answers"])),  # an update has none, RFC 2136
        }
        paired = row["status"] == "answered"
        found |= {
            "pair": row["frame_number"] if paired else None,
            "latency": row["latency"],
            "rcode": row["rcode"],
            "answers": row["answers"],
        }
    return {key: (expected[key], found[key]) for key in expected if expected[key] != found[key]}


def unescaped(name: str) -> str:
    """As tshark writes names."""
    return "<Root>" if name == "." else re.sub(r"\\([.\\])", r"\1", name)


def reason(capture: Capture, frame: int, message: Row, different: dict[str, tuple[Any, Any]]) -> str | None:
    """Why the two differ on a message; None where nothing explains it."""
    row = capture.answered.get(frame) or capture.asked.get(frame)
    earlier = [one for number, one in capture.asked.items() if number < frame]
    alike = [one for one in earlier if one["transaction_id"] == int(message["dns.id"], 16)]
    if frame in capture.cut:
        return "cut"
    if "mdns" in message["frame.protocols"] or "llmnr" in message["frame.protocols"]:
        return "to a group"
    if row is None and "dns.qry.name" not in message:
        return "not DNS"
    if row is None and any(one["copies"] for one in alike):
        return "copy"
    if row is None and any(one["retries"] or one["extra_responses"] for one in alike):
        return "repeated"
    if different.keys() == {"latency"} and row is not None and row["timestamp"] is None:
        return "no time"
    if different.keys() <= {"pair", "latency"} and row is not None and different["pair"][1] is None:
        asked = capture.messages[different["pair"][0]]
        return "another question" if asked.get("dns.qry.name") != message.get("dns.qry.name") else None
    if different.keys() == {"pair", "latency"} and row is not None:
        waited = row["latency"] - different["latency"][0]
        if row["retries"] and waited > TIMEOUT_NS:
            return "repeated after tshark's time-out"
        return "copy" if row["copies"] else None
    return None


REASONS = {
    "another question",
    "copy",
    "cut",
    "no time",
    "not DNS",
    "repeated",
    "repeated after tshark's time-out",
    "to a group",
}


def test_messages_are_paired_and_timed_as_by_tshark(captures_with_dns):
    unexplained, reasons, compared = [], Counter(), 0
    for name, capture in captures_with_dns.items():
        for frame, message in capture.messages.items():
            if not is_compared(message):
                continue
            compared += 1
            different = differences(capture, frame, message)
            if different:
                why = reason(capture, frame, message, different)
                reasons[why] += 1
                if why is None:
                    unexplained.append((name, frame, different))
    print(compared, reasons)
    assert not unexplained
    assert compared > MESSAGES
    assert reasons.keys() == REASONS


def test_nothing_is_found_that_tshark_does_not_see(captures_with_dns):
    extra = [
        (name, frame)
        for name, capture in captures_with_dns.items()
        for frame in capture.asked.keys() | capture.answered.keys()
        if frame not in capture.messages
    ]
    assert not extra


def test_no_other_capture_has_dns(corpus, captures_with_dns):
    found = []
    for file in corpus:
        if file.is_capture and file.name not in captures_with_dns:
            with open_capture(file.path) as capture:
                if capture.dns().read_all().num_rows:
                    found.append(file.name)
    assert not found
