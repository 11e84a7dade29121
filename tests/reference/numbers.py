"""Which layer a number stands for."""
from __future__ import annotations

ETHERTYPES: dict[int, str] = {
    0x0800: "ipv4", 0x0806: "arp", 0x8035: "arp", 0x86DD: "ipv6", 0x8100: "vlan", 0x9100: "vlan", 0x88A8: "service_tag",
    0x8847: "mpls", 0x8848: "mpls", 0x8864: "pppoe_session", 0x6558: "ethernet", 0x894F: "nsh", 0x8870: "llc",
    0x8909: "cisco_metadata",
}
PROTOCOLS: dict[int, str] = {
    1: "icmp", 4: "ipv4", 6: "tcp", 17: "udp", 41: "ipv6", 47: "gre", 51: "authentication", 58: "icmpv6",
    97: "etherip", 132: "sctp", 136: "udplite", 137: "mpls", 143: "ethernet",
}
TUNNEL_PORTS: dict[int, str] = {
    4789: "vxlan", 4790: "vxlan_gpe", 6081: "geneve", 2152: "gtp", 2123: "gtp", 3386: "gtp0", 3544: "teredo",
    1701: "l2tp", 4754: "gre", 6635: "mpls",
}
LINK_LAYERS: dict[int, str] = {
    0: "null", 108: "loop", 1: "ethernet", 9: "ppp", 50: "ppp", 51: "pppoe_session", 10: "fddi", 11: "llc", 100: "llc",
    12: "raw", 14: "raw", 101: "raw", 104: "chdlc", 105: "wlan", 19: "clip", 106: "clip", 107: "frame_relay",
    113: "sll", 276: "sll2", 119: "prism", 127: "radiotap", 129: "arcnet", 163: "avs", 192: "ppi", 226: "ipnet",
    228: "ipv4", 229: "ipv6", 239: "nflog", 242: "ipoib", 253: "netlink", 258: "pktap",
    **dict.fromkeys(range(147, 163), "user"),
}
