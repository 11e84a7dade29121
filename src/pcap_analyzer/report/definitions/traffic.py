"""Packets, bytes, flows, protocols: what the tables count."""

from __future__ import annotations

from pcap_analyzer.report.definitions.entry import Definition

TRAFFIC = [
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
        "Bytes on the wire × 8 ÷ duration. In the graph: per interval of the stated width, so shorter bursts are "
        "flattened.",
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
        "Packets and bytes by encapsulation, as Wireshark names it. A row contains the rows below it; bytes are "
        "those of the whole packets.",
        "frame.protocols",
    ),
]
