"""One frame while it is decoded: what it says so far, where reading stands, and how it ends.

Layers are functions registered by name with `@reads`; each reads one header and gives the name of what follows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

COMPLETE, TRUNCATED, MALFORMED, UNSUPPORTED = "complete", "truncated", "malformed", "unsupported"
NONE, LINK, NETWORK, TRANSPORT = "none", "link", "network", "transport"
MAX_LAYERS = 24

TCP, UDP, UDPLITE, SCTP, ICMP, ICMPV6 = 6, 17, 136, 132, 1, 58


@dataclass(slots=True)
class Header:
    """One TCP or UDP header in a frame, with what its stream number depends on."""

    protocol: int  # TCP, or UDP for UDP-Lite too
    ip_version: int
    src: bytes
    dst: bytes
    src_port: int
    dst_port: int
    flags: int = 0
    seq: int = 0
    ack: int = 0
    length: int | None = None  # of a TCP segment's payload, on the wire
    window: int = 0
    scale: int | None = None  # of the window scale option
    sack: list[tuple[int, int]] = field(default_factory=list)
    cookie: bool = False  # a fast open option holds one
    cut: bool = False  # there were more options than were captured
    bogus: bool = False  # its header is shorter than any
    glanced: bool = False  # it is in a fragment, or longer than what was sent: tshark reads it and does not analyse it
    snmp: bool = False  # a message of SNMP stands behind it
    said: bytes = b""  # what stands behind it, where that is whole
    analysed: bool = False  # tshark looks at its sequence numbers
    quoted: bool = False  # in an ICMP error
    own: bool = False  # the packet's own transport header


@dataclass(slots=True)
class Packet:
    """What a frame says; None is what it does not say."""

    layers: list[str] = field(default_factory=list)
    status: str = COMPLETE
    layer: str = NONE
    vlans: list[int] = field(default_factory=list)
    ip_layers: list[tuple[bytes, bytes]] = field(default_factory=list)  # outermost first, quotes left out
    ip_version: int | None = None
    src: bytes | None = None
    dst: bytes | None = None
    protocol: int | None = None
    ttl: int | None = None
    traffic_class: int | None = None
    ip_id: int | None = None
    fragment_offset: int | None = None
    more_fragments: bool | None = None
    in_fragment: bool = False  # Quirk: around IPv6 that of the packet around it, too
    src_port: int | None = None
    dst_port: int | None = None
    tcp_seq: int | None = None
    tcp_ack: int | None = None
    tcp_flags: int | None = None
    tcp_window: int | None = None
    tcp_mss: int | None = None
    tcp_scale: int | None = None
    tcp_options_cut: bool = False
    tcp_timestamps: tuple[int, int] | None = None
    tcp_option_kinds: set[int] = field(default_factory=set)
    icmp_type: int | None = None
    icmp_code: int | None = None
    icmp_id: int | None = None
    payload_length: int | None = None
    payload: bytes = b""  # of TCP and UDP, as far as captured
    headers: list[Header] = field(default_factory=list)


class End(Exception):
    """Decoding stops here: the status and the layer it is said of."""


class View:
    """Bytes that were captured, and how many were on the wire."""

    __slots__ = ("data", "wire")

    def __init__(self, data: bytes, wire: int) -> None:
        self.data, self.wire = data, wire

    def take(self, length: int, layer: str) -> bytes:
        """The next bytes. Cut by the capture: truncated; never there: malformed."""
        if length > len(self.data):
            raise End(TRUNCATED if length <= self.wire else MALFORMED, layer)
        taken, self.data = self.data[:length], self.data[length:]
        self.wire = max(self.wire - length, 0)
        return taken

    def give_back(self, taken: bytes) -> None:
        """Undo a take."""
        self.data = taken + self.data
        self.wire += len(taken)

    def clamp(self, length: int) -> None:
        """A length field says how much follows: what stands behind it is padding."""
        self.wire = min(self.wire, length)
        self.data = self.data[:length]


def u16(data: bytes, at: int = 0) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def u32(data: bytes, at: int = 0) -> int:
    return int.from_bytes(data[at : at + 4], "big")


class Decoder:
    """The state of one frame."""

    def __init__(self, view: View, link_type: int = 0) -> None:
        self.view = view
        self.link_type = link_type
        self.packet = Packet()
        self.quote: View | None = None
        self.quoted = "ipv4"  # the layer of the quote
        self.radio_pad = False
        self.swapped = False  # the frame control of 802.11
        self.flawed = False  # a header contradicts itself, and Wireshark reads on

    def run(self, layer: str | None) -> Packet:
        packet = self.packet
        try:
            if layer is None:
                raise End(UNSUPPORTED, LINK)
            self.walk(layer)
        except End as end:
            packet.status, packet.layer = end.args
        if self.flawed and packet.status == COMPLETE:
            packet.status, packet.layer = MALFORMED, TRANSPORT
        self.read_quotes()
        return packet

    def walk(self, layer: str | None) -> None:
        for _ in range(MAX_LAYERS):
            if layer is None:
                return
            layer = READERS[layer](self)
        if layer is not None:
            raise End(UNSUPPORTED, LINK)

    def read_quotes(self) -> None:
        """The packet in an ICMP error, and the one in that: their headers take stream numbers, they fill no column."""
        outer = self
        while outer.quote is not None:
            inner = Decoder(outer.quote)
            with contextlib.suppress(End):
                inner.walk(outer.quoted)
            for header in inner.packet.headers:
                self.packet.headers.append(replace(header, quoted=True, own=False, analysed=False, glanced=False))
            outer = inner

    def name(self, layer: str) -> None:
        self.packet.layers.append(layer)


Reader = Callable[[Decoder], "str | None"]
READERS: dict[str, Reader] = {}


def reads(reader: Reader) -> Reader:
    """Register a layer under the name of its function."""
    READERS[reader.__name__] = reader
    return reader


def following(table: dict[int, str], number: int, last: str = NETWORK) -> str:
    """What a number stands for; nothing that is read: decoding ends before it, `last` the layer that it is said of."""
    layer = table.get(number)
    if layer is None:
        raise End(UNSUPPORTED, last)
    return layer
