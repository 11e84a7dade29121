"""TCP: connections, segments, round trips, windows."""

from __future__ import annotations

from pcap_analyzer.report.definitions.entry import Definition

ZEEK = ("Zeek conn.log", "https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html")
RFC_9293 = "https://www.rfc-editor.org/rfc/rfc9293.html"
RFC_6298 = "https://www.rfc-editor.org/rfc/rfc6298.html"
WIRESHARK_TCP = ("Wireshark’s guide", "https://www.wireshark.org/docs/wsug_html_chunked/ChAdvTCPAnalysis.html")

TCP = [
    Definition(
        "handshake",
        "Handshake",
        "Complete: SYN, SYN/ACK and ACK were seen. Incomplete: a SYN, but not all three. Not seen: no SYN, the "
        "connection is older than the capture.",
        "tcp.completeness",
        "RFC 9293 § 3.5",
        RFC_9293 + "#section-3.5",
    ),
    Definition(
        "handshake-network",
        "SYN → SYN/ACK",
        "Time from the client's last SYN to the server's SYN/ACK: the way to the server and back, from where the "
        "capture was made.",
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
        "p95: 95 % of the values are at most this. From logarithmic buckets, at most 2 % off; smallest, largest "
        "and mean are exact.",
    ),
    Definition(
        "syn-retry",
        "SYN retries",
        "SYN segments sent again because no answer came in time.",
        "tcp.flags.syn",
        "RFC 6298",
        RFC_6298,
    ),
    Definition(
        "segments",
        "Segments",
        "TCP segments that could be judged: with a whole header, and no IP fragments. Shares of marks are shares "
        "of these.",
        "tcp",
    ),
    Definition(
        "marks",
        "Marks",
        "What Wireshark 4.0 says of a segment, from its sequence numbers, windows and times and those of the "
        "connection so far; and “seen twice”, which is ours.",
        "tcp.analysis.flags",
        *WIRESHARK_TCP,
    ),
    Definition(
        "retransmission",
        "Retransmission",
        "A segment below the highest sequence number seen from its side, other than one out of order. Fast and "
        "spurious ones are among them.",
        "tcp.analysis.retransmission",
        *WIRESHARK_TCP,
    ),
    Definition(
        "out-of-order",
        "Out of order",
        "Below the highest sequence number seen, less than the initial RTT (3 ms if unknown) after that was "
        "reached. Many are repairs after a loss in front of the capture point.",
        "tcp.analysis.out_of_order",
        *WIRESHARK_TCP,
    ),
    Definition(
        "seen-twice",
        "Seen twice",
        "Payload bytes that the same side had already sent past the capture point: what tcptrace and Zeek count "
        "as retransmitted. The rest of the payload is unique.",
    ),
    Definition(
        "missed",
        "Missed",
        "Gaps in the sequence of payload that nothing in the capture fills, though bytes behind them were seen: "
        "lost before the capture point for good, or not captured.",
    ),
    Definition(
        "lost-segment",
        "Behind a gap",
        "Segments in front of which something is missing at that moment; it may come later.",
        "tcp.analysis.lost_segment",
        *WIRESHARK_TCP,
    ),
    Definition(
        "duplicate-ack",
        "Duplicate ACKs",
        "Segments without payload that acknowledge the same byte again: the receiver got something out of order.",
        "tcp.analysis.duplicate_ack",
        "RFC 5681 § 2",
        "https://www.rfc-editor.org/rfc/rfc5681.html#section-2",
    ),
    Definition(
        "cause",
        "Cause of a repetition",
        "What made the sender repeat: a timeout, duplicate ACKs or SACK (fast), a probe at the end of a burst "
        "(tail loss), a handshake without answer; or needlessly, as a DSACK or a timestamp shows.",
        "",
        "RFC 8985",
        "https://www.rfc-editor.org/rfc/rfc8985.html",
    ),
    Definition(
        "rtt",
        "Round trip",
        "Time from a segment that passes the capture point to the acknowledgement that comes back: one for the "
        "way to the clients, one for the way to the servers, the other host’s delay of its ACK included.",
        "tcp.analysis.ack_rtt",
        "RFC 6298 § 3",
        RFC_6298 + "#section-3",
    ),
    Definition(
        "karn",
        "Karn’s rule",
        "Segments that were sent more than once give no sample: nobody knows which of them the ACK answers.",
        "",
        "RFC 6298 § 3",
        RFC_6298 + "#section-3",
    ),
    Definition(
        "window",
        "Receive window",
        "How many bytes a side is ready to take, scaled as agreed in the handshake; unscaled where that was not seen.",
        "tcp.window_size",
        "RFC 7323 § 2",
        "https://www.rfc-editor.org/rfc/rfc7323.html#section-2",
    ),
    Definition(
        "zero-window",
        "Zero window",
        "A receiver says that its buffer is full. Closed: from there to the next window of that side that is not zero.",
        "tcp.analysis.zero_window",
        "RFC 9293 § 3.8.6",
        RFC_9293 + "#section-3.8.6",
    ),
    Definition(
        "window-full",
        "Window full",
        "A segment that fills the receiver’s window to its last byte.",
        "tcp.analysis.window_full",
        *WIRESHARK_TCP,
    ),
    Definition(
        "limits",
        "What transfers waited for",
        "Time of transfers by what held them up: the receiver’s window, the network (the sender waits for "
        "acknowledgements), or the application that had nothing more to send.",
    ),
    Definition(
        "in-flight",
        "Bytes in flight",
        "Bytes sent and not yet acknowledged or SACKed, seen from the capture point; here the most at once.",
        "tcp.analysis.bytes_in_flight",
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
        "What happened in order, one letter each: s SYN, h SYN/ACK, a ACK, d data, f FIN, r RST; capitals for the "
        "client.",
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
