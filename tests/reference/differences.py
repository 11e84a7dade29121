"""Where the twin differs from tshark over the corpus, packet counts exact: a line goes when its difference goes."""

from __future__ import annotations

NETLINK = "of several netlink messages in a frame the first is read"
CUT_FRACTION = "a fraction beyond the second: tshark's text for such a time is no number"
CLAMPED = "tshark clamps lengths to 2^31 - 1"
SECTIONS = "tshark 4.0 numbers interfaces anew in every section"
BOGUS = "tshark prints more fields of a TCP header of impossible length"
FIRST_FRAGMENT = "tshark gives no payload length for the first fragment of a datagram"
SUN_ATM = "tshark takes ATM's pseudo-header off the lengths"
PARTIAL = "tshark prints the first fields of a header that is cut"
QINQ = "tshark has another field for the 802.1ad tag"
NAMELESS = "tshark leaves out the name of a layer that it found bogus, or goes on guessing"
SDP = "the RTP that SDP announces is a stream in each direction"
SOCKS = "HTTP inside SOCKS takes a stream number that no packet shows"
CIRCUITS = "tshark opens a stream for each Frame Relay circuit"

# Reason, capture, and by column the packets that differ.
DIFFERENCES: tuple[tuple[str, str, dict[str, int]], ...] = (
    (CUT_FRACTION, "PcapPlusPlus/clusterfuzz-testcase-FuzzTarget-5781142119907328", {"timestamp": 1}),
    (CUT_FRACTION, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5114733584449536", {"timestamp": 1}),
    (CUT_FRACTION, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5165927376355328", {"timestamp": 1}),
    (CUT_FRACTION, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5421416466481152", {"timestamp": 1}),
    (CUT_FRACTION, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5669109772845056", {"timestamp": 1}),
    (CUT_FRACTION, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-6604968558198784", {"timestamp": 1}),
    (CUT_FRACTION, "derived/bad_usec_2e6.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "nDPI/fuzz-2021-10-13.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/atm-heapoverflow.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/atm-oam-heapoverflow.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/babel_update_oobr.pcap", {"timestamp": 4}),
    (CUT_FRACTION, "ntopng/esis_snpa_asan-2.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/heap-overflow-2.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/heapoverflow-ppp_hdlc_if_print.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/hoobr_juniper.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/hoobr_juniper4.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/icmp-icmp_print-oobr-2.pcap", {"timestamp": 3}),
    (CUT_FRACTION, "ntopng/llc-xid-heapoverflow.pcap", {"timestamp": 1}),
    (CUT_FRACTION, "ntopng/pktap-heap-overflow.pcap", {"timestamp": 2}),
    (CUT_FRACTION, "suricata-verify/transform-base64-7296__input.pcap", {"timestamp": 3}),
    (CLAMPED, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-4683685084594176", {"original": 1}),
    (CLAMPED, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5165927376355328", {"original": 1}),
    (
        CLAMPED,
        "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5755755617189888",
        {
            "original": 1,
            "payload": 1,
        },
    ),
    (CLAMPED, "PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-6604968558198784", {"original": 1}),
    (NAMELESS, "aircrack-ng/wpaclean_crash.pcap", {"layers": 1}),
    (NAMELESS, "arkime/arkime_synthetic.pcap", {"layers": 2}),
    (NAMELESS, "nDPI/alexa-app.pcapng", {"layers": 3}),
    (QINQ, "arkime/arkime_synthetic.pcap", {"vlan": 1}),
    (QINQ, "derived/vlan_qinq.pcap", {"vlan": 60}),
    (SDP, "arkime/gtp-iphone.pcap", {"udp_stream": 19}),
    (FIRST_FRAGMENT, "derived/ip_fragments.pcap", {"payload": 11}),
    (FIRST_FRAGMENT, "suricata-verify/frag-ip-tcp.pcap", {"payload": 1}),
    (CIRCUITS, "derived/link_frelay.pcap", {"tcp_stream": 25, "udp_stream": 15}),
    (SECTIONS, "derived/ng_section_length.pcapng", {"interface": 12}),
    (SECTIONS, "derived/ng_two_sections_both_orders.pcapng", {"interface": 6}),
    (SECTIONS, "pcapng-test-generator/output_be_difficult__test201.pcapng", {"interface": 3}),
    (SECTIONS, "pcapng-test-generator/output_le_difficult__test202.pcapng", {"interface": 5}),
    (
        PARTIAL,
        "derived/pcap_cut_everywhere.pcap",
        {
            "addresses": 1,
            "ip_id": 1,
            "payload": 1,
            "protocol": 1,
            "ttl": 1,
        },
    ),
    (SOCKS, "mercury/emix.pcap", {"tcp_stream": 3956}),
    (BOGUS, "nDPI/kerberos_fuzz.pcapng", {"payload": 1, "tcp_seq": 1}),
    (BOGUS, "suricata-verify/drop-protocol-change__input.pcap", {"payload": 1, "tcp_seq": 1}),
    (SUN_ATM, "ntopng/atm-heapoverflow.pcap", {"captured": 1, "original": 1}),
    (SUN_ATM, "ntopng/atm-oam-heapoverflow.pcap", {"captured": 1, "original": 1}),
    (
        NETLINK,
        "pcapsql/netlink-nflog.pcap",
        {
            "addresses": 3,
            "icmp": 1,
            "layers": 1,
            "payload": 1,
            "ports": 1,
            "tcp_ack": 2,
            "tcp_flags": 1,
            "tcp_mss": 1,
            "tcp_scale": 1,
            "tcp_seq": 2,
            "tcp_stream": 2,
            "tcp_tsval": 1,
            "tcp_window": 1,
            "udp_stream": 2,
        },
    ),
)
