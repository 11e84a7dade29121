"""Analyses made by hand for tests: small, empty, damaged, hostile, and a plausible large one."""

from __future__ import annotations

import random

import numpy as np
from msgspec.structs import replace

from pcap_analyzer.analysis.model import (
    Analysis,
    CaptureInfo,
    Conversation,
    Damage,
    Endpoint,
    Endpoints,
    Flow,
    FlowTotals,
    Handshakes,
    Histogram,
    Interface,
    Intervals,
    LinkTypeCount,
    ProtocolRow,
    Quality,
    Service,
    SourceInfo,
    UnsupportedPart,
)
from tests.report import synthetic_dns, synthetic_tcp

START = 1_715_000_000_123_456_789
SECOND = 1_000_000_000
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028'\"&<!--{{7*7}}\u202e\x1b[31m\udc80"


def quality(**changes: object) -> Quality:
    clean = Quality(
        damage=None,
        cut_packets=0,
        truncated=0,
        malformed=0,
        unsupported=0,
        dropped=0,
        backward_time=0,
        without_time=0,
        fragments=0,
        skipped_bytes=0,
        snap_length=262_144,
        one_sided_flows=0,
        two_sided_flows=1,
    )
    return replace(clean, **changes)


def histogram(values_ns: list[int]) -> Histogram:
    edges = np.unique(np.geomspace(1_000, 100 * SECOND, 480).astype(np.int64))
    counts, _ = np.histogram(values_ns, edges)
    return Histogram(edges, counts.astype(np.int64), sum(values_ns), min(values_ns), max(values_ns))


def intervals(tcp: list[int], udp: list[int], other: list[int], packets: list[int], width_ns: int) -> Intervals:
    def column(values: list[int]) -> np.ndarray:
        return np.array(values, np.int64)

    total = [sum(row) for row in zip(tcp, udp, other, strict=True)]
    payload = column([value * 9 // 10 for value in total])
    return Intervals(START, width_ns, column(packets), column(total), payload, column(tcp), column(udp), column(other))


def flow(**changes: object) -> Flow:
    https = Flow(
        flow_id=0,
        stream=0,
        ip_version=4,
        protocol=6,
        client="192.0.2.10",
        client_port=51_000,
        server="198.51.100.7",
        server_port=443,
        first_ns=START,
        last_ns=START + 2 * SECOND,
        client_packets=6,
        client_bytes=900,
        client_payload_bytes=517,
        server_packets=7,
        server_bytes=6_400,
        server_payload_bytes=5_900,
        handshake_network_ns=20_000_000,
        handshake_client_ns=40_000,
        initial_rtt_ns=20_040_000,
        conn_state="SF",
        history="ShADadFf",
        ended="fin",
        client_flags={"syn": 1, "ack": 5, "fin": 1},
        server_flags={"syn": 1, "ack": 7, "fin": 1},
    )
    return replace(https, **changes)


def empty() -> Analysis:
    """A capture with a header and no packet."""
    return Analysis(
        source=SourceInfo("empty.pcap", 24, None, 0.0001, 1),
        capture=CaptureInfo("pcap", "pcap, microseconds, little-endian", 0, 0, 0, None, None, [], 1),
        quality=quality(dropped=None, two_sided_flows=0),
        interfaces=[Interface(0, None, None, 1, 262_144, "1 µs", 0)],
        protocols=[],
        intervals=Intervals(0, 1, *(np.zeros(0, np.int64) for _ in range(6))),
        endpoints=Endpoints(0, []),
        conversations=[],
        services=[],
        top_flows=[],
        totals=FlowTotals(),
    )


def small() -> Analysis:
    """One HTTPS connection of thirteen packets in two seconds."""
    return Analysis(
        source=SourceInfo("one.pcap", 7_532, None, 0.001, 1),
        capture=CaptureInfo(
            "pcap",
            "pcap, nanoseconds, little-endian",
            13,
            7_300,
            7_300,
            START,
            START + 2 * SECOND,
            [LinkTypeCount(1, 13)],
            1,
        ),
        quality=quality(),
        interfaces=[Interface(0, None, None, 1, 262_144, "1 ns", 13)],
        protocols=[ProtocolRow(("eth", "ip", "tcp")[:depth], 13, 7_300) for depth in (1, 2, 3)],
        intervals=intervals([900, 6_000, 400], [0, 0, 0], [0, 0, 0], [4, 6, 3], SECOND),
        endpoints=Endpoints(
            2, [Endpoint("192.0.2.10", 1, 6, 7, 900, 6_400), Endpoint("198.51.100.7", 1, 7, 6, 6_400, 900)]
        ),
        conversations=[Conversation("192.0.2.10", "198.51.100.7", 1, 6, 7, 900, 6_400)],
        services=[Service(6, 443, 1, 13, 7_300)],
        top_flows=[flow()],
        totals=FlowTotals(
            flows=1,
            tcp=1,
            conn_states={"SF": 1, "S0": 0},
            ended={"fin": 1},
            handshakes=Handshakes(complete=1),
            handshake_network=histogram([20_000_000]),
            handshake_client=histogram([40_000]),
            initial_rtt=histogram([20_040_000]),
        ),
    )


def damaged() -> Analysis:
    """Everything a capture can suffer from."""
    base = small()
    return replace(
        base,
        capture=replace(base.capture, packets=10_000, captured_bytes=1_000),
        quality=quality(
            damage=Damage(123_456, "record length is 4294967295, expected at most 262144"),
            cut_packets=9_000,
            truncated=12,
            malformed=1,
            unsupported=40,
            dropped=77,
            backward_time=3,
            without_time=2,
            fragments=4,
            skipped_bytes=1_234,
            snap_length=96,
            one_sided_flows=30,
            two_sided_flows=5,
            unsupported_parts=[UnsupportedPart(f"ethertype 0x{0x88CC + part:04x}", 40 - part) for part in range(9)],
        ),
        tcp=replace(synthetic_tcp.one_repair(), flows_bounded=1),
        marks_exact=False,
        evicted_flows=17,
    )


def joined() -> Analysis:
    """Two captures of an hour, years apart, in one file."""
    base = small()
    empty_days = [0] * 1_197
    packets = [600, *empty_days, 2, 400]
    width = 2**37 * 1_000
    series = intervals([n * 700 for n in packets], [0] * 1_200, [0] * 1_200, packets, width)
    return replace(
        base,
        capture=replace(
            base.capture, packets=1_002, bytes=701_400, captured_bytes=701_400, last_ns=START + 1_199 * width
        ),
        intervals=series,
        top_flows=[flow(), flow(flow_id=1, stream=1, first_ns=START + 1_199 * width, last_ns=START + 1_199 * width)],
    )


def hostile() -> Analysis:
    """Every text that can come from a file is an attack."""
    base = damaged()
    text = HOSTILE
    return replace(
        base,
        source=replace(base.source, name=text),
        capture=replace(base.capture, variant=text, comments=[text, text * 500]),
        quality=replace(
            base.quality, damage=Damage(1, text), unsupported_parts=[UnsupportedPart(text, 1) for _ in range(50)]
        ),
        interfaces=[Interface(0, text, text * 100, 147, 0, text, 1)],
        protocols=[ProtocolRow((text,), 10, 1_000), ProtocolRow((text, text), 5, 500)],
        endpoints=Endpoints(1, [Endpoint(text, 1, 1, 1, 1, 1)]),
        conversations=[Conversation(text, text, 1, 1, 1, 1, 1)],
        top_flows=[
            flow(client=text, server=text, tunnel=text, history=text, stream=None, protocol=89, conn_state=text)
        ],
        retransmitting=[
            flow(client=text, server=text, tunnel=text, client_tcp=synthetic_tcp.direction(random.Random(1), 3))
        ],
        tcp=synthetic_tcp.busy(),
        dns_totals=synthetic_dns.hostile(text),
        totals=replace(base.totals, conn_states={text: 3}, ended={text: 3}),
    )


def large(seed: int = 7) -> Analysis:
    """A busy office line: every list at the limit of what an analysis may hold."""
    dice = random.Random(seed)
    buckets = 1_900
    width = 250_000_000
    wave = [1 + 0.5 * np.sin(bucket / 130) + 0.25 * dice.random() for bucket in range(buckets)]
    tcp = [int(level * 3_400_000 * (3 if 900 < bucket < 960 else 1)) for bucket, level in enumerate(wave)]
    udp = [int(900_000 * dice.random() * (2.5 if bucket % 400 < 90 else 1)) for bucket in range(buckets)]
    other = [int(60_000 * dice.random()) for _ in range(buckets)]
    packets = [(t + u + o) // 760 for t, u, o in zip(tcp, udp, other, strict=True)]
    total_packets, total_bytes = sum(packets), sum(tcp) + sum(udp) + sum(other)
    flows = _many_flows(dice, buckets * width)
    network = [int(dice.lognormvariate(17, 0.8)) for _ in range(30_000)]
    client = [int(dice.lognormvariate(11, 0.6)) for _ in range(30_000)]
    return Analysis(
        source=SourceInfo("office-uplink.pcapng", 6_011_223_344, None, 2.31, 2),
        capture=CaptureInfo(
            "pcapng",
            "pcapng, little-endian",
            total_packets,
            total_bytes,
            total_bytes * 97 // 100,
            START,
            START + buckets * width - 1,
            [LinkTypeCount(1, total_packets - 91_000), LinkTypeCount(276, 91_000)],
            1,
            ["captured on the mirror port of the core switch"],
        ),
        quality=quality(
            cut_packets=total_packets // 40,
            unsupported=3_141,
            dropped=1_204,
            backward_time=12,
            fragments=5_120,
            snap_length=1_514,
            one_sided_flows=2_210,
            two_sided_flows=45_800,
            unsupported_parts=[UnsupportedPart("ethertype 0x88cc", 2_900), UnsupportedPart("link type 147", 241)],
        ),
        interfaces=[
            Interface(
                0, "eth0", "uplink to the provider", 1, 1_514, "1 ns", total_packets - 91_000, total_packets, 1_204
            ),
            Interface(1, "any", None, 276, 262_144, "1 µs", 91_000),
        ],
        protocols=_hierarchy(total_packets, total_bytes),
        intervals=replace(intervals(tcp, udp, other, packets, width), tcp=synthetic_tcp.busy_series(buckets)),
        endpoints=Endpoints(12_411, _endpoints(dice)),
        conversations=_conversations(dice),
        services=[
            Service(
                17 if port in (53, 123, 4789) else 6,
                port,
                40_000 // (rank + 1),
                900_000 // (rank + 1),
                10**10 // (rank + 1) ** 2,
            )
            for rank, port in enumerate(
                [443, 80, 53, 22, 445, 3389, 5432, 6379, 123, 4789, 8080, 25, *range(30_000, 30_088)]
            )
        ],
        top_flows=flows,
        totals=FlowTotals(
            flows=52_418,
            tcp=31_202,
            udp=19_870,
            icmp=1_240,
            sctp=6,
            other=100,
            conn_states={
                "SF": 24_100,
                "S1": 2_300,
                "S0": 1_480,
                "RSTO": 1_210,
                "RSTR": 640,
                "REJ": 512,
                "OTH": 900,
                "S2": 35,
                "SH": 25,
            },
            ended={"fin": 24_135, "reset": 2_362, "open": 4_705},
            handshakes=Handshakes(complete=28_285, incomplete=2_017, unseen=900),
            resets=4_410,
            syn_retries=2_951,
            syn_retry_flows=1_377,
            handshake_network=histogram(network),
            handshake_client=histogram(client),
            initial_rtt=histogram([a + b for a, b in zip(network, client, strict=True)]),
        ),
        tcp=synthetic_tcp.busy(),
        dns_totals=synthetic_dns.busy(),
        retransmitting=_repeating(dice, flows),
    )


def _address(dice: random.Random) -> str:
    if dice.random() < 0.25:
        return f"2001:db8:{dice.randrange(16**4):x}:{dice.randrange(16**4):x}::{dice.randrange(1, 16**4):x}"
    return f"{dice.choice(['10.20', '192.0', '198.51', '203.0'])}.{dice.randrange(256)}.{dice.randrange(1, 255)}"


def _endpoints(dice: random.Random) -> list[Endpoint]:
    return [
        Endpoint(
            _address(dice),
            dice.randrange(1, 9_000 // (rank + 1) + 2),
            3_000_000 // (rank + 1),
            2_000_000 // (rank + 1),
            int(3e9 / (rank + 1) * dice.uniform(0.5, 1)),
            int(2e9 / (rank + 1)),
        )
        for rank in range(1_000)
    ]


def _conversations(dice: random.Random) -> list[Conversation]:
    return [
        Conversation(
            _address(dice),
            _address(dice),
            dice.randrange(1, 400),
            900_000 // (rank + 1),
            700_000 // (rank + 1),
            int(9e8 / (rank + 1)),
            int(6e8 / (rank + 1)),
        )
        for rank in range(100)
    ]


def _many_flows(dice: random.Random, length_ns: int) -> list[Flow]:
    flows = []
    for rank in range(100):
        first = int(length_ns * dice.random() * 0.8)
        last = min(length_ns, first + int(length_ns * dice.random() ** 3))
        kind = dice.choice(["fin", "fin", "reset", "open", "udp"])
        volume = int(8e8 / (rank + 1))
        state = {"fin": "SF", "reset": "RSTO", "open": "S1", "udp": None}[kind]
        flows.append(
            flow(
                flow_id=rank * 37,
                stream=rank * 31,
                protocol=17 if kind == "udp" else 6,
                client=_address(dice),
                client_port=dice.randrange(32_768, 61_000),
                server=_address(dice),
                server_port=dice.choice([443, 443, 80, 22, 5432]) if kind != "udp" else dice.choice([53, 443, 4500]),
                first_ns=START + first,
                last_ns=START + last,
                client_packets=volume // 4_000 + 1,
                client_bytes=volume // 20,
                server_packets=volume // 1_200 + 1,
                server_bytes=volume,
                conn_state=state,
                history="" if kind == "udp" else {"fin": "ShADadFf", "reset": "ShADadR", "open": "ShADad"}[kind],
                ended=None if kind == "udp" else kind,
                initial_rtt_ns=None if kind == "udp" else int(dice.lognormvariate(17, 0.8)),
                client_flags={},
                server_flags={},
            )
        )
    return flows


def _repeating(dice: random.Random, flows: list[Flow]) -> list[Flow]:
    tcp = [one for one in flows if one.protocol == 6][:20]
    return [
        replace(
            one,
            client_tcp=synthetic_tcp.direction(dice, 40 // (rank + 1)),
            server_tcp=synthetic_tcp.direction(dice, 2_400 // (rank + 1)),
        )
        for rank, one in enumerate(tcp)
    ]


def _hierarchy(packets: int, size: int) -> list[ProtocolRow]:
    shares = (
        "eth=0.98 eth:ip=0.86 eth:ip:tcp=0.66 eth:ip:udp=0.17 eth:ip:udp:vxlan=0.06 eth:ip:udp:vxlan:eth=0.06 "
        "eth:ip:udp:vxlan:eth:ip=0.06 eth:ip:udp:vxlan:eth:ip:tcp=0.05 eth:ip:udp:vxlan:eth:ip:udp=0.01 "
        "eth:ip:gre=0.02 eth:ip:gre:ip=0.02 eth:ip:gre:ip:tcp=0.015 eth:ip:icmp=0.004 eth:ip:igmp=0.001 "
        "eth:ip:sctp=0.002 eth:ipv6=0.09 eth:ipv6:tcp=0.07 eth:ipv6:udp=0.015 eth:ipv6:icmpv6=0.003 "
        "eth:arp=0.004 eth:vlan=0.02 eth:vlan:ip=0.02 eth:vlan:ip:tcp=0.018 eth:lldp=0.0004 sll=0.02 "
        "sll:ip=0.02 sll:ip:tcp=0.018"
    )
    rows = []
    for path, _, part in (share.partition("=") for share in shares.split()):
        rows.append(ProtocolRow(tuple(path.split(":")), int(packets * float(part)), int(size * float(part))))
    return rows + [ProtocolRow(("eth", f"unknown{number}"), 1, 60) for number in range(973)]
