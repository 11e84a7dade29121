"""Names for numbers: link types, ethertypes, IP protocols, ports, ICMP types. Pure data, and a function for each.

Names are those which Wireshark and the IANA registries use. A number without a name is shown as a number: the lists are
what captures of ordinary networks contain, not the whole registries.
"""

from __future__ import annotations

# fmt: off
# https://www.tcpdump.org/linktypes.html
LINK_TYPES: dict[int, str] = {
    0: "NULL", 1: "Ethernet", 3: "AX.25", 6: "IEEE 802.5", 7: "ARCNET (BSD)", 8: "SLIP", 9: "PPP", 10: "FDDI",
    12: "raw IP", 14: "raw IP (OpenBSD)", 50: "PPP in HDLC-like framing", 51: "PPPoE", 99: "Symantec firewall",
    100: "ATM (RFC 1483)", 101: "raw IP", 104: "Cisco HDLC", 105: "IEEE 802.11", 106: "ATM classical IP",
    107: "Frame Relay", 108: "OpenBSD loopback", 113: "Linux cooked", 114: "LocalTalk", 117: "OpenBSD pflog",
    119: "IEEE 802.11 with Prism header", 120: "Cisco Aironet", 122: "IP over Fibre Channel", 123: "SunATM",
    127: "IEEE 802.11 with radiotap", 129: "ARCNET (Linux)", 130: "Juniper MLPPP", 131: "Juniper MLFR",
    133: "Juniper GGSN",
    135: "Juniper ATM2", 136: "Juniper services", 137: "Juniper ATM1", 138: "IP over IEEE 1394",
    139: "MTP2 with pseudo-header", 140: "MTP2",
    141: "MTP3", 142: "SCCP", 143: "DOCSIS", 144: "IrDA", 147: "USER0", 148: "USER1", 149: "USER2", 150: "USER3",
    151: "USER4", 152: "USER5", 153: "USER6", 154: "USER7", 155: "USER8", 156: "USER9", 157: "USER10", 158: "USER11",
    159: "USER12", 160: "USER13", 161: "USER14", 162: "USER15", 163: "IEEE 802.11 with AVS header",
    164: "Juniper monitor", 165: "BACnet MS/TP", 166: "PPP with direction (pppd)", 167: "Juniper PPPoE",
    169: "GPRS LLC", 177: "LAPD", 178: "Juniper Ethernet", 179: "Juniper PPP", 180: "Juniper Frame Relay",
    181: "Juniper C-HDLC", 182: "Juniper FRF.16", 183: "Juniper VoIP", 187: "Bluetooth HCI H4", 188: "IEEE 802.16",
    189: "USB (Linux)", 190: "CAN 2.0B", 192: "PPI", 195: "IEEE 802.15.4", 196: "SITA", 197: "ERF",
    199: "AX.25 (KISS)",
    200: "Juniper chassis", 201: "Bluetooth HCI H4 with direction", 202: "AMTP", 203: "LAPD with direction",
    204: "PPP with direction", 205: "Cisco HDLC with direction", 206: "Frame Relay with direction",
    209: "IPMB (Linux)", 210: "FlexRay", 211: "MOST", 212: "LIN", 214: "X2E Xoraya", 215: "IEEE 802.15.4 without PHY",
    219: "X.25", 220: "USB (Linux, padded)", 224: "Fibre Channel 2", 226: "IPNET (Solaris)", 227: "SocketCAN",
    228: "IPv4", 229: "IPv6", 230: "IEEE 802.15.4 without FCS", 231: "D-Bus", 235: "DVB-CI", 236: "MUX27010",
    237: "STANAG 5066", 239: "nflog", 240: "netANALYZER", 241: "netANALYZER transparent", 242: "IP over InfiniBand",
    243: "MPEG-2 TS", 244: "ng40", 245: "NFC LLCP", 247: "InfiniBand", 248: "SCTP", 249: "USBPcap",
    250: "RTAC serial", 251: "Bluetooth LE", 252: "Wireshark upper PDU", 253: "netlink",
    254: "Bluetooth Linux monitor",
    255: "Bluetooth BR/EDR", 256: "Bluetooth LE with PHY", 257: "PROFIBUS", 258: "Apple pktap", 259: "EPON",
    264: "ISO 14443", 265: "RDS", 266: "USB (Darwin)", 268: "SDLC", 270: "LoRaTap", 271: "vsock",
    272: "Nordic BLE sniffer", 273: "DOCSIS 3.1 with XRA header", 274: "Ethernet mPackets", 275: "DisplayPort AUX",
    276: "Linux cooked v2", 281: "Broadcom switch tag", 282: "Broadcom switch tag, prepended",
    283: "IEEE 802.15.4 TAP", 284: "Marvell DSA", 285: "Marvell EDSA", 286: "ELEE", 287: "Z-Wave serial",
    288: "USB 2.0", 289: "ATSC ALP", 290: "Event Tracing for Windows",
}

# https://www.iana.org/assignments/ieee-802-numbers
ETHERTYPES: dict[int, str] = {
    0x0800: "IPv4", 0x0806: "ARP", 0x0842: "Wake-on-LAN", 0x22F0: "AVTP", 0x22F3: "TRILL", 0x4305: "B.A.T.M.A.N.",
    0x6003: "DECnet",
    0x6558: "Ethernet bridging", 0x8035: "RARP", 0x809B: "AppleTalk", 0x80F3: "AppleTalk ARP", 0x8100: "802.1Q",
    0x8137: "IPX", 0x86DD: "IPv6", 0x8808: "Ethernet flow control", 0x8809: "slow protocols (LACP)",
    0x880B: "PPP", 0x8847: "MPLS", 0x8848: "MPLS multicast", 0x8863: "PPPoE discovery", 0x8864: "PPPoE session",
    0x886D: "Intel ANS", 0x887B: "HomePlug", 0x888E: "802.1X", 0x8892: "PROFINET", 0x8899: "Realtek",
    0x88A2: "ATA over Ethernet", 0x88A4: "EtherCAT", 0x88A8: "802.1ad", 0x88AB: "Powerlink",
    0x88B5: "local experiment 1",
    0x88B6: "local experiment 2", 0x88B7: "OUI extended", 0x88B8: "GOOSE", 0x88B9: "GSE management",
    0x88BA: "IEC 61850 sampled values", 0x88BE: "ERSPAN II", 0x88CC: "LLDP", 0x88CD: "SERCOS III", 0x88D9: "LLTD",
    0x88E1: "HomePlug AV", 0x88E3: "MRP", 0x88E5: "MACsec", 0x88E7: "provider backbone bridging", 0x88F7: "PTP",
    0x88F8: "NC-SI", 0x88FB: "PRP", 0x8902: "connectivity fault management", 0x8903: "FabricPath",
    0x8906: "Fibre Channel over Ethernet", 0x8909: "Cisco MetaData", 0x8914: "FCoE initialisation", 0x8915: "RoCE",
    0x8926: "VN-tag", 0x892F: "HSR", 0x893F: "802.1BR E-tag", 0x894F: "NSH", 0x9000: "loopback",
    0x9100: "QinQ (old)",
    0x99FE: "ESPRESSObin", 0xD28B: "Arista timestamp", 0xF1C1: "802.1CB R-tag",
}

# https://www.iana.org/assignments/protocol-numbers
PROTOCOLS: dict[int, str] = {
    0: "IPv6 hop-by-hop", 1: "ICMP", 2: "IGMP", 3: "GGP", 4: "IPv4", 5: "ST", 6: "TCP", 8: "EGP", 9: "IGP", 17: "UDP",
    27: "RDP", 33: "DCCP", 37: "DDP", 41: "IPv6", 43: "IPv6 routing", 44: "IPv6 fragment", 46: "RSVP", 47: "GRE",
    50: "ESP", 51: "AH", 55: "MOBILE", 58: "ICMPv6", 59: "no next header", 60: "IPv6 destination options",
    88: "EIGRP",
    89: "OSPF", 94: "IPIP", 97: "EtherIP", 98: "ENCAP", 103: "PIM", 108: "IPComp", 112: "VRRP", 115: "L2TPv3",
    121: "SMP", 124: "IS-IS over IPv4", 132: "SCTP", 133: "Fibre Channel", 135: "mobility header", 136: "UDP-Lite",
    137: "MPLS in IP", 139: "HIP", 140: "Shim6", 142: "ROHC", 143: "Ethernet", 255: "reserved",
}

# https://www.iana.org/assignments/service-names-port-numbers; where both transports use a port the name is the same.
SERVICES: dict[int, str] = {
    7: "echo", 9: "discard", 13: "daytime", 17: "qotd", 19: "chargen", 20: "ftp-data", 21: "ftp", 22: "ssh",
    23: "telnet", 25: "smtp", 37: "time", 43: "whois", 49: "tacacs", 53: "dns", 67: "dhcp", 68: "dhcp-client",
    69: "tftp", 70: "gopher", 79: "finger", 80: "http", 88: "kerberos", 102: "iso-tsap", 109: "pop2", 110: "pop3",
    111: "portmap", 113: "ident", 119: "nntp", 123: "ntp", 135: "msrpc", 137: "netbios-ns", 138: "netbios-dgm",
    139: "netbios-ssn", 143: "imap", 161: "snmp", 162: "snmp-trap", 179: "bgp", 194: "irc", 319: "ptp-event",
    320: "ptp-general", 389: "ldap", 427: "slp", 443: "https", 445: "smb", 464: "kpasswd", 465: "smtps",
    500: "isakmp",
    502: "modbus", 512: "rexec", 513: "rlogin", 514: "syslog", 515: "printer", 520: "rip", 521: "ripng", 523: "db2",
    546: "dhcpv6-client", 547: "dhcpv6", 548: "afp", 554: "rtsp", 587: "submission", 593: "http-rpc", 623: "ipmi",
    631: "ipp", 636: "ldaps", 646: "ldp", 853: "dns-over-tls", 860: "iscsi", 873: "rsync", 902: "vmware",
    989: "ftps-data",
    990: "ftps", 992: "telnets", 993: "imaps", 995: "pop3s", 1080: "socks", 1194: "openvpn", 1352: "lotus-notes",
    1433: "ms-sql", 1434: "ms-sql-monitor", 1521: "oracle", 1645: "radius", 1646: "radius-acct", 1701: "l2tp",
    1719: "h323-ras", 1720: "h323", 1723: "pptp", 1755: "ms-streaming", 1812: "radius", 1813: "radius-acct",
    1883: "mqtt", 1900: "ssdp", 1935: "rtmp", 2000: "skinny", 2049: "nfs", 2055: "netflow", 2082: "cpanel",
    2123: "gtp-c", 2152: "gtp-u", 2181: "zookeeper", 2222: "ssh-alt", 2375: "docker", 2376: "docker-tls",
    2379: "etcd-client", 2380: "etcd-peer", 2404: "iec-104", 2483: "oracle", 2484: "oracle-tls", 3000: "http-dev",
    3128: "http-proxy", 3260: "iscsi", 3268: "ldap-gc", 3269: "ldaps-gc", 3306: "mysql", 3310: "clamav", 3389: "rdp",
    3478: "stun", 3544: "teredo", 3632: "distcc", 3690: "svn", 3702: "ws-discovery", 3868: "diameter", 4222: "nats",
    4242: "opentsdb", 4341: "lisp-data", 4369: "erlang-epmd", 4500: "ipsec-nat-t", 4789: "vxlan", 4840: "opc-ua",
    5000: "upnp",
    5004: "rtp", 5005: "rtcp", 5060: "sip", 5061: "sips", 5201: "iperf3", 5222: "xmpp", 5223: "xmpps",
    5246: "capwap-control", 5247: "capwap-data",
    5269: "xmpp-server",
    5349: "stuns", 5351: "nat-pmp", 5353: "mdns", 5355: "llmnr", 5432: "postgresql", 5601: "kibana", 5666: "nrpe",
    5671: "amqps", 5672: "amqp", 5683: "coap", 5684: "coaps", 5900: "vnc", 5901: "vnc", 5938: "teamviewer",
    5984: "couchdb", 5985: "winrm", 5986: "winrms", 6000: "x11", 6001: "x11", 6081: "geneve", 6343: "sflow",
    6379: "redis", 6443: "kubernetes", 6514: "syslog-tls", 6635: "mpls-in-udp", 6653: "openflow", 6667: "irc",
    6697: "ircs", 6881: "bittorrent", 7000: "cassandra", 7001: "cassandra-tls", 7474: "neo4j", 8000: "http-alt",
    8008: "http-alt", 8080: "http-alt", 8086: "influxdb", 8088: "http-alt", 8140: "puppet", 8200: "vault",
    8300: "consul", 8333: "bitcoin", 8443: "https-alt", 8500: "consul", 8472: "vxlan-linux", 8883: "mqtts",
    8888: "http-alt", 9000: "http-alt", 9042: "cassandra-cql", 9090: "prometheus", 9092: "kafka", 9100: "jetdirect",
    9200: "elasticsearch", 9300: "elasticsearch-node", 9418: "git", 9899: "sctp-tunnel", 9999: "abyss",
    10050: "zabbix-agent", 10051: "zabbix", 10250: "kubelet", 11211: "memcached", 15672: "rabbitmq-http",
    16509: "libvirt",
    20000: "dnp3", 27017: "mongodb", 27018: "mongodb-shard", 33434: "traceroute", 37008: "tzsp", 37777: "dvr",
    44818: "ethernet-ip",
    47808: "bacnet", 50000: "db2", 51820: "wireguard", 64738: "mumble",
}

# https://www.iana.org/assignments/icmp-parameters
ICMP_TYPES: dict[int, str] = {
    0: "echo reply", 3: "destination unreachable", 4: "source quench", 5: "redirect", 8: "echo request",
    9: "router advertisement", 10: "router solicitation", 11: "time exceeded", 12: "parameter problem",
    13: "timestamp request", 14: "timestamp reply", 15: "information request", 16: "information reply",
    17: "address mask request", 18: "address mask reply", 30: "traceroute", 40: "Photuris",
    42: "extended echo request", 43: "extended echo reply",
}

# https://www.iana.org/assignments/icmpv6-parameters
ICMPV6_TYPES: dict[int, str] = {
    1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem",
    128: "echo request",
    129: "echo reply", 130: "multicast listener query", 131: "multicast listener report",
    132: "multicast listener done", 133: "router solicitation", 134: "router advertisement",
    135: "neighbour solicitation", 136: "neighbour advertisement", 137: "redirect", 138: "router renumbering",
    139: "node information query", 140: "node information response", 143: "multicast listener report v2",
    144: "home agent address discovery request", 145: "home agent address discovery reply",
    146: "mobile prefix solicitation",
    147: "mobile prefix advertisement", 148: "certification path solicitation",
    149: "certification path advertisement",
    151: "multicast router advertisement", 152: "multicast router solicitation", 153: "multicast router termination",
    155: "RPL control", 160: "extended echo request", 161: "extended echo reply",
}

# https://www.iana.org/assignments/dns-parameters: types of records, response codes
DNS_TYPES: dict[int, str] = {
    1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS",
    12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 24: "SIG", 25: "KEY", 28: "AAAA",
    29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS",
    44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM",
    52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD",
    64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR",
    253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA", 32768: "TA", 32769: "DLV",
}
DNS_RCODES: dict[int, str] = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI",
}

# fmt: on

WITH_PORTS = frozenset({6, 17, 132, 136})  # TCP, UDP, SCTP, UDP-Lite


def link_type_name(number: int) -> str:
    """The name of a LINKTYPE_ number, or the number in words."""
    return LINK_TYPES.get(number, f"link type {number}")


def ethertype_name(number: int) -> str:
    """The name of an ethertype, or its number in hexadecimal."""
    return ETHERTYPES.get(number, f"ethertype 0x{number:04x}")


def protocol_name(number: int) -> str:
    """The name of an IP protocol, or the number in words."""
    return PROTOCOLS.get(number, f"protocol {number}")


def service_name(protocol: int, port: int) -> str | None:
    """The name of the service that usually answers on this port; None where there is none."""
    return SERVICES.get(port) if protocol in WITH_PORTS else None


def icmp_type_name(ip_version: int, number: int) -> str:
    """The name of an ICMP type (version 4) or ICMPv6 type (version 6), or the number in words."""
    return (ICMPV6_TYPES if ip_version == 6 else ICMP_TYPES).get(number, f"type {number}")


def dns_type_name(number: int) -> str:
    """The name of a type of DNS records; as RFC 3597 writes it where it has none."""
    return DNS_TYPES.get(number, f"TYPE{number}")


def dns_rcode_name(number: int) -> str:
    """The name of a DNS response code, or the number with a word before it."""
    return DNS_RCODES.get(number, f"RCODE{number}")
