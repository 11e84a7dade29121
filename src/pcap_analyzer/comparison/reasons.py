"""Differences from tshark that are known and meant. Each has a name, which is what the report prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcap_analyzer.comparison.expected import TCP_STREAM, UDP_STREAM
from pcap_analyzer.comparison.layers import TsharkPacket, integer, network_positions
from pcap_analyzer.comparison.marks import ANALYSIS_COLUMNS

Rule = Callable[[str, TsharkPacket, Any, Any], bool]
SECOND = 10**9
PSEUDO_HEADERS = {"atm": 4, "ppp": 1}  # bytes in front of the frame that tshark does not count
LENGTHS = ("captured_length", "original_length")
RECORD = ("timestamp", "interface_id", *LENGTHS)
UDP_TUNNELS = {"vxlan", "gtp", "gtpprime", "geneve", "teredo", "l2tp", "lisp-data", "capwap.data", "tzsp", "ayiya"}
WELL_KNOWN_PORTS = 1024
TSHARK_LONGEST = 2**31 - 1  # bytes of a frame


def reason(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> str | None:
    """The name of the known difference that this one is; None: it is not a known one."""
    return next((name for name, applies in RULES.items() if applies(column, packet, ours, theirs)), None)


def _overflowing_fraction(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """A record whose sub-second part is a second or more: tshark prints it in 32 bits behind the point."""
    if column not in ("timestamp", "ack_rtt") or ours is None or theirs is None:
        return False
    if column == "ack_rtt" and ours < 0 and theirs < 0:
        ours, theirs = -ours, -theirs
    seconds, digits = divmod(abs(theirs), SECOND)
    fraction = ours - seconds * SECOND
    printed = (fraction + 2**31) % 2**32 - 2**31
    same = (printed < 0) == (theirs < 0) and int(f"{abs(printed):09}"[:9]) == digits
    return same and bool(fraction >= SECOND)


def _second_section(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """We count interfaces over all sections of a file, tshark 4.0 within each."""
    return column == "interface_id" and None not in (ours, theirs) and ours > theirs


def _pseudo_header(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """tshark takes the capture's own header off the frame before it counts."""
    size = PSEUDO_HEADERS.get(packet.layers[0])
    return column in LENGTHS and size is not None and ours - size == theirs


def _longest(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """A length field of 2 GiB or more, which tshark does not show; and what follows from it."""
    shown = integer(packet.value("frame.len"))
    return column in ("original_length", "payload_length") and shown == TSHARK_LONGEST and ours > theirs


def _bogus_header_length(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """A TCP header that claims less than 20 bytes: tshark shows two fields of it, we none."""
    bogus = not packet.values("tcp.flags") and bool(packet.values("tcp.srcport"))
    return column in ("tcp_seq", "payload_length") and ours is None and bogus


def _cut_header(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """A UDP header cut behind its length: we say nothing of a payload that no whole header stands in front of.

    By the capture, or by a frame shorter than its IP header says. tshark numbers streams behind a whole header.
    """
    cut = len(packet.values("udp.stream")) < len(packet.values("udp.length"))
    return column == "payload_length" and ours is None and cut and packet.layers[-1] == "udp"


def _is_judged(column: str) -> bool:
    """Whether a column is of tshark's TCP analysis."""
    return column in ANALYSIS_COLUMNS or column.startswith("mark ")


def _cut_options(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """A TCP header cut in its options: tshark analyses the segment, as others show, and stops before it says so."""
    if not _is_judged(column) or theirs is not None:
        return False
    captured, length, payload = (integer(packet.value(name)) for name in ("frame.cap_len", "frame.len", "tcp.len"))
    return None not in (captured, length, payload) and captured + payload < length  # type: ignore[operator]


def _empty_sack(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """A SACK option too short for a block: tshark analyses the segment and stops before it says so, likewise."""
    return _is_judged(column) and theirs is None and "0" in packet.values("tcp.options.sack.count")


def _longer_header(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """A TCP header longer than its packet: tshark looks for fast open alone, and judges nothing."""
    judged = not packet.values("tcp.flags") or bool(packet.values("tcp.len"))
    return column.startswith("mark tfo_") and ours is None and not judged


def _frame_relay(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """tshark's conversations on Frame Relay are circuits, not pairs of ports."""
    return (column in (TCP_STREAM, UDP_STREAM) or _is_judged(column)) and "fr" in packet.layers


def _netlink(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """Several netlink messages in a frame, each with a packet: our row has one."""
    return packet.layers.count("netlink-netfilter") > 1


def _well_known_port(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """tshark asks the higher port for a tunnel when it has no dissector for the lower one, however well-known it is."""
    behind = [packet.layers[at + 1 : at + 2] for at, name in enumerate(packet.layers) if name == "udp"]
    ports = zip(packet.values("udp.srcport"), packet.values("udp.dstport"), strict=False)
    return any(
        set(layer) & UDP_TUNNELS and min(map(int, pair)) < WELL_KNOWN_PORTS
        for layer, pair in zip(behind, ports, strict=False)
    )


def _pseudowire(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> bool:
    """Nothing says whether a control word stands before a pseudowire's frame: tshark asks who made its addresses.

    Where one of both found a packet in it, and the other none.
    """
    if "pwethheuristic" not in packet.layers or column in RECORD:
        return False
    inside = packet.layers[packet.layers.index("pwethheuristic") :]
    return ours is None or not network_positions(inside)


RULES: dict[str, Rule] = {
    "a fraction of a second or more in the record's time": _overflowing_fraction,
    "interfaces are counted over all sections": _second_section,
    "tshark does not count the pseudo-header": _pseudo_header,
    "tshark shows no length beyond 2 GiB": _longest,
    "TCP header length below 20": _bogus_header_length,
    "UDP header cut": _cut_header,
    "TCP options cut": _cut_options,
    "SACK option without a block": _empty_sack,
    "TCP header longer than its packet": _longer_header,
    "tshark numbers circuits of Frame Relay": _frame_relay,
    "several packets in a netlink frame": _netlink,
    "a tunnel guessed behind a well-known port": _well_known_port,
    "a pseudowire's frame is guessed": _pseudowire,
}
