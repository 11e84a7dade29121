"""Clean traffic gets no mark: conversations written out by hand, and in each only the marks that it has earned.

Every packet that has a mark says so in its script, beside the reason. Where tshark is installed it is asked, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pcap_analyzer.comparison import COLUMNS, compare_with_tshark
from pcap_analyzer.pipeline import analyze_capture, open_capture
from pcap_analyzer.schema import MARKS
from tests.reference.tcp_strategies import WORD, Sent, capture, cookie_option, sack_option, scale_option

CLIENT, SERVER = 0, 1
PERMITTED = b"\x04\x02"
BYTES = 100

Row = dict[str, Any]


@dataclass(frozen=True)
class Packet:
    """A segment and the marks that it is to get."""

    sent: Sent
    marks: tuple[str, ...] = ()


class Script:
    """Writes one conversation, relative to the SYNs: position 0 is the first byte of a side's data."""

    def __init__(self, client: int = 1000, server: int = 9000) -> None:
        self.first = client, server
        self.packets: list[Packet] = []

    def add(self, side: int, flags: str, at: int, ack: int | None, length: int = 0, *marks: str, **more: Any) -> Script:
        """A segment from position `at` that acknowledges up to `ack`; more: the fields of Sent."""
        acked = 0 if ack is None else (self.first[1 - side] + 1 + ack) % WORD
        seq = (self.first[side] + 1 + at) % WORD
        blocks = [tuple(self.first[1 - side] + 1 + edge for edge in block) for block in more.pop("sack", ())]
        if blocks:
            more["options"] = sack_option(blocks)
        self.packets.append(Packet(Sent(side, flags, seq, acked, length, **more), marks))
        return self

    def handshake(self, options: bytes = b"", window: int = 1000) -> Script:
        """Three segments, a millisecond apart."""
        self.add(CLIENT, "S", -1, None, options=options, window=window)
        self.add(SERVER, "SA", -1, 0, options=options, window=window)
        return self.add(CLIENT, "A", 0, 0, window=window)


def transfer_across_the_wrap(client: int) -> Script:
    """Ten segments, each acknowledged, of which one goes past 2 ** 32 (or ends there)."""
    script = Script(client=client).handshake()
    for number in range(10):
        script.add(CLIENT, "PA", number * BYTES, 0, BYTES)
        script.add(SERVER, "A", 0, (number + 1) * BYTES)
    script.add(CLIENT, "FA", 10 * BYTES, 0).add(SERVER, "FA", 0, 10 * BYTES + 1)
    return script.add(CLIENT, "A", 10 * BYTES + 1, 1)


def loss_across_the_wrap() -> Script:
    """Recorded at the sender: the second of five segments is lost behind the capture point, the third wraps.

    The blocks of the duplicate ACKs begin before 2 ** 32 and end behind it.
    """
    script = Script(client=WORD - 250).handshake(PERMITTED)
    for number in range(5):
        script.add(CLIENT, "PA", number * BYTES, 0, BYTES)
    script.add(SERVER, "A", 0, 100)
    # The same ACK again, for each of three segments that came behind the hole.
    for end in (300, 400, 500):
        script.add(SERVER, "A", 0, 100, 0, "duplicate_ack", sack=[(200, end)])
    # Asked for by three duplicates, at once: truly sent twice, and the only segment that was.
    script.add(CLIENT, "PA", 100, 0, BYTES, "retransmission", "fast_retransmission", "seen_twice")
    return script.add(SERVER, "A", 0, 500).add(CLIENT, "PA", 500, 0, BYTES).add(SERVER, "A", 0, 600)


def keep_alives() -> Script:
    """An idle connection kept open from both sides, with and without a byte of garbage; then data goes on.

    None is a retransmission, though its number was sent before; none of the answers is a duplicate ACK.
    """
    script = Script().handshake()
    script.add(CLIENT, "PA", 0, 0, BYTES).add(SERVER, "PA", 0, BYTES, BYTES).add(CLIENT, "A", BYTES, BYTES)
    # Its first ACK without data: the window and the numbers are as before, so the next answers count.
    script.add(SERVER, "PA", BYTES, BYTES, BYTES).add(CLIENT, "A", BYTES, 2 * BYTES)
    for length in (0, 1, 0):
        script.add(CLIENT, "A", BYTES - 1, 2 * BYTES, length, "keep_alive", delay=45_000)
        script.add(SERVER, "A", 2 * BYTES, BYTES, 0, "keep_alive_ack")
    for length in (1, 0):
        script.add(SERVER, "A", 2 * BYTES - 1, BYTES, length, "keep_alive", delay=75_000)
        script.add(CLIENT, "A", BYTES, 2 * BYTES, 0, "keep_alive_ack")
    return script.add(CLIENT, "PA", BYTES, 2 * BYTES, BYTES).add(SERVER, "A", 2 * BYTES, 2 * BYTES)


def resets_without_a_window() -> Script:
    """A reset announces no window: its 0 closes nothing. Neither does that of a FIN; both as stacks send them."""
    script = Script().handshake().add(CLIENT, "PA", 0, 0, BYTES)
    script.add(SERVER, "FA", 0, BYTES, window=0).add(CLIENT, "A", BYTES, 1)
    script.add(SERVER, "RA", 1, BYTES, window=0).add(SERVER, "R", 1, None, window=0)
    return script.add(CLIENT, "R", BYTES, None, window=0)


def refused() -> Script:
    """The answer of a closed port, window 0."""
    return Script().add(CLIENT, "S", -1, None).add(SERVER, "RA", -1, 0, window=0)


def scaled_windows() -> Script:
    """Windows of 10 << 7 bytes: 1,000 bytes in flight are beyond the field's 10, and well within the window.

    The second segment ends exactly at the field's value behind the ACK, which fills nothing either.
    """
    script = Script().handshake(scale_option(7), window=1000)
    script.add(CLIENT, "PA", 0, 0, BYTES, window=10).add(SERVER, "A", 0, BYTES, window=10)
    script.add(CLIENT, "PA", BYTES, 0, 10, window=10)
    for number in range(9):
        script.add(CLIENT, "PA", BYTES + 10 + number * 110, 0, 110, window=10)
    script.add(SERVER, "A", 0, 1100, window=10)
    # What does fill it: 1,280 bytes, the last byte at its end.
    script.add(CLIENT, "PA", 1100, 0, 1000, window=10)
    return script.add(CLIENT, "PA", 2100, 0, 280, "window_full", window=10).add(SERVER, "A", 0, 2380, window=10)


def scale_of_one_side() -> Script:
    """The server's SYN/ACK has no scale option, so neither window is scaled."""
    script = Script().add(CLIENT, "S", -1, None, options=scale_option(7)).add(SERVER, "SA", -1, 0)
    script.add(CLIENT, "A", 0, 0)
    script.add(CLIENT, "PA", 0, 0, 900).add(SERVER, "A", 0, 900)
    return script.add(CLIENT, "PA", 900, 0, 1000, "window_full").add(SERVER, "A", 0, 1900)


def unknown_scale() -> Script:
    """The capture begins in the middle: nobody knows what a window of 100 means, so 100 bytes do not fill it."""
    script = Script().add(SERVER, "A", 0, 0, window=100).add(CLIENT, "PA", 0, 0, 100, window=100)
    script.add(CLIENT, "PA", 100, 0, 900, window=100).add(SERVER, "A", 0, 1000, window=100)
    return script.add(CLIENT, "PA", 1000, 0, 100, window=100).add(SERVER, "A", 0, 1100, window=100)


def time_runs_backwards() -> Script:
    """The clock of the capturing host is set back twice in a transfer that is otherwise clean."""
    script = Script().handshake()
    for number in range(6):
        script.add(CLIENT, "PA", number * BYTES, 0, BYTES, delay=-1000 if number == 2 else 1)
        script.add(SERVER, "A", 0, (number + 1) * BYTES, delay=-50 if number == 4 else 1)
    return script


def data_in_the_syn() -> Script:
    """Data in a SYN without a cookie (RFC 9293, 3.4), taken by the server."""
    script = Script().add(CLIENT, "S", -1, None, 50)
    # Wireshark knows a fast open by the acknowledgement alone.
    script.add(SERVER, "SA", -1, 50, 0, "tfo_ack")
    return script.add(CLIENT, "A", 50, 0).add(CLIENT, "PA", 50, 0, BYTES).add(SERVER, "A", 0, 50 + BYTES)


def fast_open() -> Script:
    """Data in a SYN with a cookie, answered before the handshake is over (RFC 7413)."""
    script = Script().add(CLIENT, "S", -1, None, 50, "tfo_syn", options=cookie_option(8))
    script.add(SERVER, "SA", -1, 50, 0, "tfo_ack").add(SERVER, "PA", 0, 50, BYTES)
    return script.add(CLIENT, "A", 50, BYTES).add(CLIENT, "PA", 50, BYTES, BYTES).add(SERVER, "A", BYTES, 150)


def fast_open_refused() -> Script:
    """The server takes the SYN alone, so its data has to come again: that is a retransmission, and the only one."""
    script = Script().add(CLIENT, "S", -1, None, 50, "tfo_syn", options=cookie_option(8))
    script.add(SERVER, "SA", -1, 0, 0, "tfo_ignored").add(CLIENT, "A", 0, 0)
    return script.add(CLIENT, "PA", 0, 0, 50, "retransmission", "seen_twice").add(SERVER, "A", 0, 50)


def simultaneous_open() -> Script:
    """Both sides send a SYN before they have seen the other's (RFC 9293, 3.5)."""
    script = Script().add(CLIENT, "S", -1, None).add(SERVER, "S", -1, None)
    # A SYN/ACK sends the SYN once more: a retransmission to Wireshark. Bytes of data were none, so none came twice.
    script.add(CLIENT, "SA", -1, 0, 0, "retransmission")
    script.add(SERVER, "SA", -1, 0, 0, "retransmission")
    return script.add(CLIENT, "PA", 0, 0, BYTES).add(SERVER, "PA", 0, BYTES, BYTES).add(CLIENT, "A", BYTES, BYTES)


def ports_used_again() -> Script:
    """A second connection between the same ports: one mark on its SYN, and nothing that the first one left behind.

    Its numbers lie before those of the first, which would make every segment a retransmission.
    """
    script = Script(client=500_000, server=900_000).handshake().add(CLIENT, "PA", 0, 0, BYTES)
    script.add(SERVER, "FA", 0, BYTES).add(CLIENT, "FA", BYTES, 1).add(SERVER, "A", 1, BYTES + 1)
    again = Script(client=1000, server=9000).handshake()
    again.packets[0] = replace(again.packets[0], marks=("reused_ports",))
    again.add(CLIENT, "PA", 0, 0, BYTES).add(SERVER, "PA", 0, BYTES, BYTES).add(CLIENT, "A", BYTES, BYTES)
    script.packets += again.packets
    return script


SCRIPTS: dict[str, Script] = {
    "the wrap in a segment": transfer_across_the_wrap(WORD - 351),
    "the wrap between two segments": transfer_across_the_wrap(WORD - 301),
    "the wrap between SYN and data": transfer_across_the_wrap(WORD - 1),
    "the wrap before the SYN": transfer_across_the_wrap(0),
} | {
    script.__name__.replace("_", " "): script()
    for script in (
        loss_across_the_wrap,
        keep_alives,
        resets_without_a_window,
        refused,
        scaled_windows,
        scale_of_one_side,
        unknown_scale,
        time_runs_backwards,
        data_in_the_syn,
        fast_open,
        fast_open_refused,
        simultaneous_open,
        ports_used_again,
    )
}
CLEAN = [name for name, script in SCRIPTS.items() if not any(packet.marks for packet in script.packets)]


def all_of_them() -> bytes:
    return capture([[packet.sent for packet in script.packets] for script in SCRIPTS.values()])


@cache
def found() -> dict[str, list[Row]]:
    """The packets of every script as the packet table shows them; durations in ns."""
    columns = ("tcp_marks", "tcp_window", "tcp_window_raw", "bytes_in_flight", "ack_rtt", "stream", "from_client")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scripts.pcap"
        path.write_bytes(all_of_them())
        with open_capture(path, threads=1) as opened:
            table = opened.packets(columns).read_all()
    place = table.schema.get_field_index("ack_rtt")
    table = table.set_column(place, "ack_rtt", table["ack_rtt"].cast("int64"))
    rows: list[Row] = table.to_pylist()
    shares, begin = {}, 0
    for name, script in SCRIPTS.items():
        shares[name] = rows[begin : begin + len(script.packets)]
        begin += len(script.packets)
    return shares


def names(bits: int) -> set[str]:
    return {mark for place, mark in enumerate(MARKS) if bits >> place & 1}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_packet_gets_the_marks_that_it_has_earned(name: str) -> None:
    for number, (packet, row) in enumerate(zip(SCRIPTS[name].packets, found()[name], strict=True), 1):
        assert names(row["tcp_marks"]) == set(packet.marks), f"packet {number}: {packet.sent}"


def test_tshark_says_the_same(component: Callable[[str], str], tmp_path: Path) -> None:
    component("tshark")
    path = tmp_path / "scripts.pcap"
    path.write_bytes(all_of_them())
    with open_capture(path) as opened:
        compared = compare_with_tshark(path, opened.packets(COLUMNS))
    assert compared.agrees, compared
    assert compared.packets == sum(len(script.packets) for script in SCRIPTS.values())


@pytest.mark.parametrize("name", [name for name in CLEAN if name.startswith("the wrap")])
def test_numbers_beside_the_marks_do_not_notice_the_wrap(name: str) -> None:
    sent, acks = found()[name][3:-3:2], found()[name][4:-3:2]
    assert [row["bytes_in_flight"] for row in sent] == [BYTES] * 10
    assert [row["ack_rtt"] for row in acks] == [1_000_000] * 10


def test_blocks_across_the_wrap_are_no_longer_in_flight() -> None:
    """From the hole on 400 bytes are unacknowledged, 300 of which the other side holds."""
    fast = found()["loss across the wrap"][12]
    assert fast["bytes_in_flight"] == 400 - 300


def test_windows_are_shown_as_the_scale_makes_them() -> None:
    """In a SYN they are not scaled, nor where a side did not agree, nor where nobody saw it agree."""
    windows = {name: [row["tcp_window"] for row in rows] for name, rows in found().items()}
    assert windows["scaled windows"] == [1000, 1000, 1000 << 7] + [10 << 7] * (len(windows["scaled windows"]) - 3)
    assert {row["tcp_window_raw"] for row in found()["scaled windows"]} == {1000, 10}
    assert set(windows["scale of one side"]) == {1000}
    assert set(windows["unknown scale"]) == {100}


def test_each_connection_between_the_same_ports_is_a_stream() -> None:
    streams = [row["stream"] for row in found()["ports used again"]]
    assert streams[6] + 1 == streams[7]
    assert [streams.count(stream) for stream in dict.fromkeys(streams)] == [7, 6]


def test_nothing_is_missed_and_nothing_counted_twice(tmp_path: Path) -> None:
    """Twice came what two scripts repeat; the garbage of keep-alives is no data."""
    path = tmp_path / "scripts.pcap"
    path.write_bytes(all_of_them())
    tcp = analyze_capture(path, threads=1).tcp
    sent = [packet.sent for script in SCRIPTS.values() for packet in script.packets]
    garbage = sum(segment.length for segment in sent if segment.length == 1)
    assert (tcp.segments, tcp.payload_bytes) == (len(sent), sum(segment.length for segment in sent))
    assert (tcp.seen_twice_segments, tcp.seen_twice_bytes, tcp.missed_bytes) == (2, BYTES + 50, 0)
    assert tcp.unique_bytes == tcp.payload_bytes - tcp.seen_twice_bytes - garbage
