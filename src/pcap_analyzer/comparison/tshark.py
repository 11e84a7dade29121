"""Running tshark over a capture and reading what it says of each packet."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from ipaddress import IPv6Address
from itertools import takewhile
from pathlib import Path

from pcap_analyzer.comparison.layers import (
    EXTENSIONS,
    IpLayer,
    TsharkPacket,
    boolean,
    integer,
    layer_names,
    nanoseconds,
)
from pcap_analyzer.comparison.layers import network_positions as positions
from pcap_analyzer.comparison.marks import ANALYSIS_FIELDS
from pcap_analyzer.errors import PcapAnalyzerError

FIELD, OCCURRENCE = "\x1f", "\x1e"  # separators that no value contains
# A decoder that looks at each packet on its own: no IP fragments, no TCP segments are put together.
PREFERENCES = {
    "ip.defragment": "FALSE",
    "ipv6.defragment": "FALSE",
    "tcp.desegment_tcp_streams": "FALSE",
    "tcp.analyze_sequence_numbers": "TRUE",
    "tcp.relative_sequence_numbers": "TRUE",
    "tcp.reassemble_out_of_order": "FALSE",
    "tcp.check_checksum": "FALSE",
    "ip.check_checksum": "FALSE",
    "udp.check_checksum": "FALSE",
    "ip.tso_support": "TRUE",  # an IPv4 total length of 0 means "the rest of the frame"
}
FRAME = (
    "frame.number",
    "frame.time_epoch",
    "frame.len",
    "frame.cap_len",
    "frame.interface_id",
    "frame.encap_type",
    "frame.protocols",
)
IPV4 = ("ip.src", "ip.dst", "ip.proto", "ip.ttl", "ip.id", "ip.frag_offset", "ip.flags.mf")
IPV6 = ("ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.hlim", "ipv6.fraghdr.offset", "ipv6.fraghdr.more")
UPPER = (
    "ieee8021ad.id",
    "ieee8021ad.svid",
    "ieee8021ad.cvid",
    "vlan.id",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.stream",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.options.sack.count",
    "udp.srcport",
    "udp.dstport",
    "udp.stream",
    "udp.length",
    "sctp.srcport",
    "sctp.dstport",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
    "icmpv6.code",
)
FIELDS = FRAME + IPV4 + IPV6 + UPPER + ANALYSIS_FIELDS


class TsharkError(PcapAnalyzerError):
    """tshark is not installed, or cannot read the capture: the message is tshark's own."""


class TsharkRun:
    """One run over a capture; iterate over it for the packets, then ask `message` for what tshark complained of."""

    def __init__(self, capture: str | os.PathLike[str]) -> None:
        self.capture = Path(capture)
        self.message: str | None = None

    def __iter__(self) -> Iterator[TsharkPacket]:
        """Every packet, in order; pcapng blocks that are no packets are left out.

        Raises TsharkError when tshark is missing or stops before the first packet.
        """
        if (program := shutil.which("tshark")) is None:
            raise TsharkError("tshark is not installed: it is what the comparison compares with")
        packets = 0
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+", errors="replace") as complaints:
            with subprocess.Popen(
                [program, *self._arguments()],
                env=_environment(folder),
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
                errors="replace",
            ) as process:
                assert process.stdout is not None  # PIPE was asked for
                for line in process.stdout:
                    if (packet := packet_of(line)) is not None:
                        packets += 1
                        yield packet
            complaints.seek(0)
            self.message = self._words(complaints.read())
        if process.returncode != 0 and not packets:
            raise TsharkError(f"tshark: {self.message}")

    def _arguments(self) -> list[str]:
        """The command line behind the program's name."""
        preferences = [word for name, value in PREFERENCES.items() for word in ("-o", f"{name}:{value}")]
        fields = [word for name in FIELDS for word in ("-e", name)]
        # A path that begins with a dash must not be taken for an option, nor "-" for standard input.
        return [
            "-n",
            "-r",
            str(self.capture.absolute()),
            *preferences,
            "-T",
            "fields",
            "-E",
            "occurrence=a",
            "-E",
            f"separator={FIELD}",
            "-E",
            f"aggregator={OCCURRENCE}",
            "-E",
            "quote=n",
            *fields,
        ]

    def _words(self, text: str) -> str | None:
        """tshark's complaints on one line, without the remark about the user and the path."""
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Running as user")]
        words = " ".join(lines).replace(str(self.capture.absolute()), self.capture.name)
        return words.replace("tshark: ", "") or None


def _environment(folder: str) -> dict[str, str]:
    """Nobody's preferences, UTC, and nothing of our own environment that could change what tshark says."""
    return {"HOME": folder, "XDG_CONFIG_HOME": folder, "WIRESHARK_CONFIG_DIR": folder, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def packet_of(line: str) -> TsharkPacket | None:
    """One line of tshark's fields as a packet; None for a pcapng block that is no packet."""
    fields = dict(zip(FIELDS, line.rstrip("\n").split(FIELD), strict=True))
    if not fields["frame.encap_type"]:
        return None
    layers = layer_names(fields["frame.protocols"])
    return TsharkPacket(
        frame_number=int(fields["frame.number"]),
        timestamp=nanoseconds(fields["frame.time_epoch"]),
        layers=layers,
        ip_layers=_ip_layers(layers, fields),
        fields=fields,
        separator=OCCURRENCE,
    )


def _ip_layers(layers: tuple[str, ...], fields: dict[str, str]) -> list[IpLayer]:
    """The IP layers whose addresses were read, outermost first."""
    four = list(zip(*(_column(fields[name]) for name in IPV4), strict=False))
    six = list(zip(*(_column(fields[name]) for name in IPV6[:4]), strict=False))
    more = list(zip(_column(fields["ipv6.fraghdr.offset"]), _column(fields["ipv6.fraghdr.more"]), strict=False))
    found = []
    for at in positions(layers):
        if layers[at] == "ip" and four:
            found.append(IpLayer(at, _ipv4(four.pop(0))))
        elif layers[at] == "ipv6" and six:
            # Extension headers stand behind their IPv6 header and before the next layer.
            fragment = more.pop(0) if "ipv6.fraghdr" in _extensions(layers, at) and more else None
            found.append(IpLayer(at, _ipv6(six.pop(0), fragment)))
    return found


def _column(text: str) -> list[str]:
    return text.split(OCCURRENCE) if text else []


def _extensions(layers: tuple[str, ...], at: int) -> list[str]:
    """Names of the extension headers behind the IPv6 layer at this position."""
    return list(takewhile(EXTENSIONS.__contains__, layers[at + 1 :]))


def _ipv4(values: tuple[str, ...]) -> dict[str, object]:
    """Our columns from the fields of one IPv4 header, in the order of IPV4."""
    src, dst, protocol, ttl, ip_id, offset, more = values
    return {
        "ip_version": 4,
        "src": src,
        "dst": dst,
        "protocol": integer(protocol),
        "ttl": integer(ttl),
        "ip_id": integer(ip_id),
        **fragment_columns((integer(offset) or 0) * 8, boolean(more)),
    }


def _ipv6(values: tuple[str, ...], fragment: tuple[str, str] | None) -> dict[str, object]:
    """Our columns from the fields of one IPv6 header, and of its fragment header if it has one."""
    src, dst, next_header, hop_limit = values
    offset, more = fragment or ("", "")
    return {
        "ip_version": 6,
        "src": _hexadecimal(src),
        "dst": _hexadecimal(dst),
        "next_header": integer(next_header),
        "ttl": integer(hop_limit),
        "ip_id": None,
        **fragment_columns((integer(offset) or 0) * 8, boolean(more)),
    }


def _hexadecimal(address: str) -> str:
    """tshark ends an address as IPv4's do where it begins with 96 zeros (RFC 4291 section 2.5.5.1), which we do not."""
    if "." not in address or address.startswith("::ffff:"):
        return address
    return str(IPv6Address(address))


def fragment_columns(offset: int, more: bool) -> dict[str, object]:
    """The two fragment columns; null where the packet is whole, also with a fragment header (atomic, RFC 6946)."""
    if not offset and not more:
        return {"fragment_offset": None, "more_fragments": None}
    return {"fragment_offset": offset, "more_fragments": more}
