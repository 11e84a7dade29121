"""What the capture is, and what limits it; a remark's code is the id of its entry."""

from __future__ import annotations

from pcap_analyzer.report.definitions.entry import Definition

PCAPNG = ("pcapng specification", "https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html")

QUALITY = [
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
        "Stretches of a day or more without a packet, told when they are nine tenths of the time: what remains "
        "would be a few strokes in a graph. Their ends are known to the width of an interval.",
    ),
    Definition(
        "stepped",
        "Clock set forward",
        "TCP segments that arrive later, at once and from then on, than their sender's timestamps (RFC 7323) say.",
        "tcp.options.timestamp.tsval",
        "RFC 7323",
        "https://www.rfc-editor.org/rfc/rfc7323.html",
    ),
    Definition(
        "doubled",
        "Seen twice",
        "Payload of TCP that is there twice although nobody sent it again, from a fifth of all payload on.",
    ),
    Definition(
        "super-frames",
        "Offloaded segments",
        "TCP segments with more payload than the other side's maximum segment size.",
        "tcp.options.mss_val",
        "RFC 9293 section 3.7.1",
        "https://www.rfc-editor.org/rfc/rfc9293.html",
    ),
    Definition(
        "midstream",
        "Begun before the capture",
        "TCP flows without a SYN of either side.",
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
]
