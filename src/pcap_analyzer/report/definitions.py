"""What every number means, in a sentence, with the RFC or the Wireshark field to check it by.

The HTML links each number to its entry here; a remark's code is the id of its entry.
"""

from __future__ import annotations

from typing import NamedTuple


class Definition(NamedTuple):
    """One entry; `field` is a Wireshark display filter field, `url` a document. Either may be empty."""

    id: str
    term: str
    text: str
    field: str = ""
    source: str = ""
    url: str = ""


PCAPNG = ("pcapng specification", "https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html")
ZEEK = ("Zeek conn.log", "https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html")
RFC_9293 = "https://www.rfc-editor.org/rfc/rfc9293.html"

DEFINITIONS = [
    Definition(
        "packets",
        "Packets",
        "Records in the capture file that hold a packet, decodable or not.",
        "frame.number",
    ),
    Definition(
        "bytes",
        "Bytes",
        "Sum of the packets' lengths on the wire, link-layer header included, even where the capture kept less.",
        "frame.len",
    ),
    Definition(
        "captured-bytes",
        "Captured bytes",
        "Sum of the bytes of packets that the file really holds.",
        "frame.cap_len",
    ),
    Definition(
        "duration",
        "Duration",
        "From the earliest to the latest packet time.",
        "frame.time_epoch",
    ),
    Definition(
        "rate",
        "Mean rate",
        "Bytes on the wire × 8 ÷ duration. In the graph: per interval of the stated width, so shorter bursts "
        "are flattened.",
    ),
    Definition(
        "payload",
        "Payload",
        "Bytes behind the TCP, UDP or SCTP header, from the lengths in the headers.",
        "tcp.len",
    ),
    Definition(
        "flow",
        "Flow",
        "All packets between two addresses and ports with one protocol, both directions together; when a TCP "
        "client uses its port again, a new flow begins. ICMP and other protocols: by address pair.",
        "tcp.stream",
    ),
    Definition(
        "client",
        "Client and server",
        "The client sent the SYN; without one, it is the side with the higher port, else the first sender. "
        "Decided on the first packet of the flow.",
    ),
    Definition(
        "stream",
        "Stream",
        "The number that Wireshark gives to a TCP or UDP flow.",
        "tcp.stream",
    ),
    Definition(
        "endpoint",
        "Endpoint",
        "One network address. In a tunnel: the innermost.",
        "ip.addr",
    ),
    Definition(
        "conversation",
        "Conversation",
        "All flows between two addresses.",
    ),
    Definition(
        "service",
        "Service",
        "All flows to one server port. The name is the usual one for the port; the contents are not looked at.",
        "tcp.port",
        "IANA port numbers",
        "https://www.iana.org/assignments/service-names-port-numbers",
    ),
    Definition(
        "protocol",
        "Protocol hierarchy",
        "Packets and bytes by encapsulation, as Wireshark names it. A row contains the rows below it; bytes "
        "are those of the whole packets.",
        "frame.protocols",
    ),
    Definition(
        "link-type",
        "Link type",
        "What stands at the start of each frame.",
        "frame.encap_type",
        "LINKTYPE_ numbers",
        "https://www.tcpdump.org/linktypes.html",
    ),
    Definition(
        "interface",
        "Interface",
        "What packets were captured on, as the file describes it. A pcap file is one interface.",
        "frame.interface_id",
        *PCAPNG,
    ),
    Definition(
        "snap-length",
        "Snap length",
        "How many bytes of a packet the capturing side keeps at most.",
        "",
        *PCAPNG,
    ),
    Definition(
        "damage",
        "Damage",
        "The place in the (decompressed) file where reading had to stop, because no record can begin there.",
    ),
    Definition(
        "skipped",
        "Skipped bytes",
        "Bytes of the file that belong to no record that was read.",
    ),
    Definition(
        "cut",
        "Cut packets",
        "Packets of which the file holds less than was on the wire.",
        "frame.cap_len",
    ),
    Definition(
        "truncated",
        "Cut headers",
        "Packets cut so short that a header is incomplete.",
    ),
    Definition(
        "malformed",
        "Malformed",
        "Packets with a header that contradicts itself or the packet's length.",
        "_ws.malformed",
    ),
    Definition(
        "unsupported",
        "Unsupported",
        "Packets with a link type or protocol that this program does not read.",
    ),
    Definition(
        "dropped",
        "Dropped",
        "Packets that the capturing side says it lost: interface statistics and per-packet drop counts.",
        "",
        *PCAPNG,
    ),
    Definition(
        "backward",
        "Time going backwards",
        "Packets with an earlier time than the packet before them in the file.",
        "frame.time_delta",
    ),
    Definition(
        "without-time",
        "Packets without time",
        "pcapng simple packet blocks carry no time.",
        "",
        *PCAPNG,
    ),
    Definition(
        "silent",
        "Silences",
        "Stretches of a day or more without a packet, told when they are nine tenths of the time: what remains would "
        "be a few strokes in a graph. Their ends are known to the width of an interval.",
    ),
    Definition(
        "one-sided",
        "One-sided flows",
        "TCP and UDP flows with packets in one direction only: nobody answered, or the answers take another way.",
    ),
    Definition(
        "fragments",
        "Fragments",
        "IP packets that are part of a larger one.",
        "ip.frag_offset",
        "RFC 791",
        "https://www.rfc-editor.org/rfc/rfc791.html",
    ),
    Definition(
        "evicted",
        "Flows set aside",
        "Flows that had to make room for others while still alive. Their counts go on when they return.",
    ),
    Definition(
        "handshake",
        "Handshake",
        "Complete: SYN, SYN/ACK and ACK were seen. Incomplete: a SYN, but not all three. Not seen: no SYN, "
        "the connection is older than the capture.",
        "tcp.completeness",
        "RFC 9293 § 3.5",
        RFC_9293 + "#section-3.5",
    ),
    Definition(
        "handshake-network",
        "SYN → SYN/ACK",
        "Time from the client's last SYN to the server's SYN/ACK: the way to the server and back, from where "
        "the capture was made.",
        "",
        "RFC 9293 § 3.5",
        RFC_9293 + "#section-3.5",
    ),
    Definition(
        "handshake-client",
        "SYN/ACK → ACK",
        "Time from the server's SYN/ACK to the client's ACK: the way to the client and back, from where the "
        "capture was made.",
        "",
        "RFC 9293 § 3.5",
        RFC_9293 + "#section-3.5",
    ),
    Definition(
        "initial-rtt",
        "Initial RTT",
        "Both together: the round trip of the whole way.",
        "tcp.analysis.initial_rtt",
    ),
    Definition(
        "percentile",
        "Percentiles",
        "p95: 95 % of the values are at most this. From logarithmic buckets, at most 2 % off; smallest, "
        "largest and mean are exact.",
    ),
    Definition(
        "syn-retry",
        "SYN retries",
        "SYN segments sent again because no answer came in time.",
        "tcp.flags.syn",
        "RFC 6298",
        "https://www.rfc-editor.org/rfc/rfc6298.html",
    ),
    Definition(
        "reset",
        "Resets",
        "TCP segments with the RST flag.",
        "tcp.flags.reset",
        "RFC 9293 § 3.5.2",
        RFC_9293 + "#section-3.5.2",
    ),
    Definition(
        "conn-state",
        "Connection state",
        "How a connection began and ended, in Zeek's words.",
        "",
        *ZEEK,
    ),
    Definition(
        "history",
        "History",
        "What happened in order, one letter each: s SYN, h SYN/ACK, a ACK, d data, f FIN, r RST; capitals for"
        " the client.",
        "",
        *ZEEK,
    ),
    Definition(
        "ended",
        "How connections end",
        "FIN: both or one side closed in order. RST: one side broke off. Open: neither was seen.",
        "tcp.flags",
        "RFC 9293 § 3.6",
        RFC_9293 + "#section-3.6",
    ),
]
