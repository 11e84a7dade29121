"""The network between the hosts loses, delays, reorders or doubles."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from tests.traffic.link import Path
from tests.traffic.middleboxes import SmallPipe
from tests.traffic.programs import bulk, voice, web
from tests.traffic.scenario import (
    SERVER,
    SERVER6,
    TO_CLIENT,
    TO_SERVER,
    Diagnosis,
    Expected,
    Network,
    Outcome,
    Plan,
    at,
    everywhere,
    scenario,
)

RETRANSMISSION = "tcp.analysis.retransmission"
# What tshark makes of a segment that was lost, before or behind the place of the loss.
REPEATED = " || ".join(
    f"tcp.analysis.{mark}" for mark in ("retransmission", "fast_retransmission", "out_of_order", "lost_segment")
)
MTU_HOLE_S = 5


def uploading(address: str, length: int, connections: int = 1) -> Callable[[Network], Any]:
    def run(net: Network) -> Any:
        net.server.serve(bulk.sink_and_source, address)
        return net.client.start(lambda: bulk.upload(address, length, connections=connections)).result()

    return run


def downloading(address: str, length: int) -> Callable[[Network], Any]:
    def run(net: Network) -> Any:
        net.server.serve(bulk.sink_and_source, address)
        return net.client.run(bulk.download, address, length)

    return run


def share_of_data_lost(direction: str, ids: list[str], also: list[str]) -> Callable[[Outcome], Mapping[str, Diagnosis]]:
    """One of `ids` first, with the share of data segments that the link did lose."""

    def diagnose(outcome: Outcome) -> Mapping[str, Diagnosis]:
        did = outcome.link[direction]
        measure = ("loss_share", did["data_lost"] / did["data_received"], "ratio")
        found = Diagnosis([Expected(one, direction, measure) for one in ids], also)
        return {"client": found, "server": found}

    return diagnose


@scenario("a download or upload over a hop with a smaller MTU that says nothing: whatever fills a segment disappears")
def mtu_black_hole(draw: random.Random) -> Plan:
    up, mtu, length = draw.random() < 0.5, draw.randrange(1300, 1450), draw.randrange(30_000, 60_000)

    def run(net: Network) -> Any:
        net.server.serve(bulk.sink_and_source, SERVER)
        net.client.run(bulk.upload, SERVER, 400)
        stuck = [net.client.start(lambda: bulk.stuck_transfer(SERVER, length, MTU_HOLE_S, up=up)) for _ in range(2)]
        return [transfer.result() for transfer in stuck]

    sender, direction = ("client", TO_SERVER) if up else ("server", TO_CLIENT)
    found = Diagnosis(
        [Expected("mtu_black_hole", direction, ("stuck_packet", 1500, "B"), 0.05)], ["packet_loss", "connection_reset"]
    )
    link = Path(delay_ms=draw.uniform(5, 15))
    return Plan(
        run,
        at(**{sender: found}),
        {sender: {f"{RETRANSMISSION} && ip.len > {mtu}": (3, None), "tcp.flags.syn == 1": (6, 6)}},
        link,
        link,
        boxes=[SmallPipe(mtu)],
        configured={"sender": sender, "length": length},
    )


@scenario("an upload through a slow line with a deep queue: nothing is lost, but everything waits behind it")
def bufferbloat(draw: random.Random) -> Plan:
    rate, queue = draw.uniform(3, 6), 600
    length = int(rate * 1e6 / 8 * 1.3)

    def diagnose(outcome: Outcome) -> Mapping[str, Diagnosis]:
        waits = outcome.link[TO_SERVER]["queue_ms"]
        delay = ("queue_delay_p95", waits["p95"], "ms")
        first = [Expected("bufferbloat", TO_SERVER, delay, 0.2), Expected("high_rtt", TO_SERVER)]
        return {"client": Diagnosis(first), "server": Diagnosis(first[:1])}

    base = Path(delay_ms=draw.uniform(8, 15))
    lossless = {"tcp.analysis.lost_segment": (0, 0), RETRANSMISSION: (0, 0)}
    shows = {"tcp.analysis.ack_rtt > 0.15": (50, None), **lossless}
    return Plan(
        uploading(SERVER, length, 2),
        diagnose,
        {"client": shows, "server": lossless},
        Path(delay_ms=base.delay_ms, rate_mbit=rate, queue=queue),
        base,
        configured={"length": length},
    )


@scenario("an upload over a link that loses at random in one direction")
def random_loss(draw: random.Random) -> Plan:
    address = draw.choice([SERVER, SERVER6])
    base = Path(delay_ms=draw.uniform(5, 12))
    shows = {REPEATED: (4, None)}
    return Plan(
        uploading(address, 900_000),
        share_of_data_lost(TO_SERVER, ["packet_loss"], ["burst_loss"]),
        {"client": shows, "server": shows},
        Path(delay_ms=base.delay_ms, loss=draw.uniform(0.015, 0.03)),
        base,
        snap_length=118,
    )


@scenario("a download over a link that loses many packets in a row, now and then")
def burst_loss(draw: random.Random) -> Plan:
    base = Path(delay_ms=draw.uniform(5, 12))
    bursts = tuple((first + draw.randrange(60), draw.randrange(6, 13)) for first in range(60, 700, 120))
    shows = {REPEATED: (25, None)}
    return Plan(
        downloading(SERVER, 1_000_000),
        share_of_data_lost(TO_CLIENT, ["burst_loss", "packet_loss"], ["packet_loss", "burst_loss"]),
        {"client": shows, "server": shows},
        base,
        Path(delay_ms=base.delay_ms, bursts=bursts),
    )


@scenario("a download over a link that lets some packets arrive late, and loses none")
def reordering(draw: random.Random) -> Plan:
    base = Path(delay_ms=draw.uniform(6, 12))
    share = draw.uniform(0.02, 0.04)

    def diagnose(outcome: Outcome) -> Mapping[str, Diagnosis]:
        did = outcome.link[TO_CLIENT]
        measure = ("reordered_share", did["held_back"] / did["received"], "ratio")
        first = [Expected("reordering", TO_CLIENT, measure)]
        return {
            "client": Diagnosis(first, ["spurious_retransmission"]),
            "server": Diagnosis(first, ["spurious_retransmission"]),
        }

    return Plan(
        downloading(SERVER, 900_000),
        diagnose,
        {
            "client": {"tcp.analysis.out_of_order || tcp.analysis.lost_segment": (4, None)},
            "server": {"tcp.len > 0": (500, None)},
        },
        base,
        Path(delay_ms=base.delay_ms, reorder=share, reorder_ms=draw.uniform(2, 4)),
    )


@scenario("a download over a link that delivers some packets twice")
def link_duplicates(draw: random.Random) -> Plan:
    base = Path(delay_ms=draw.uniform(6, 12))

    def diagnose(outcome: Outcome) -> Mapping[str, Diagnosis]:
        did = outcome.link[TO_CLIENT]
        measure = ("duplicate_share", did["doubled"] / did["received"], "ratio")
        return {"client": Diagnosis([Expected("duplicated_packets", TO_CLIENT, measure)])}

    return Plan(
        downloading(SERVER, 700_000),
        diagnose,
        {"client": {RETRANSMISSION: (5, None)}},
        base,
        Path(delay_ms=base.delay_ms, double=draw.uniform(0.02, 0.05)),
    )


@scenario("a download over a line that stands still for a moment now and then; what it held arrives after all")
def stalls(draw: random.Random) -> Plan:
    base = Path(delay_ms=draw.uniform(6, 12))
    transfers, length = 6, 150_000
    # About once in each transfer, which is some 110 packets long.
    still = tuple((110 * one + draw.randrange(40, 70), draw.uniform(350, 600)) for one in range(transfers))

    def run(net: Network) -> Any:
        net.server.serve(bulk.sink_and_source, SERVER)
        return [net.client.run(bulk.download, SERVER, length) for _ in range(transfers)]

    return Plan(
        run,
        at(server=Diagnosis([Expected("spurious_retransmission", TO_CLIENT)], ["high_rtt", "packet_loss"])),
        {"server": {REPEATED: (transfers, None)}},
        base,
        Path(delay_ms=base.delay_ms, stalls=still),
    )


@scenario("a web site at the other end of a satellite: every answer takes more than half a second to travel")
def long_way(draw: random.Random) -> Plan:
    link = Path(delay_ms=draw.uniform(260, 330))
    seed = draw.randrange(1 << 30)

    def run(net: Network) -> Any:
        net.server.serve(web.site, SERVER)
        return net.client.run(web.browse, SERVER, 2, seed)

    rtt = ("rtt", link.delay_ms * 2, "ms")
    shows = {"tcp.analysis.initial_rtt > 0.5": (20, None), RETRANSMISSION: (0, 0)}
    return Plan(
        run,
        everywhere(Diagnosis([Expected("high_rtt", None, rtt, 0.2)])),
        {"client": shows, "server": shows},
        link,
        link,
        snap_length=96,
    )


@scenario("datagrams that are larger than the link: each travels in fragments, and a lost one costs the whole")
def fragments(draw: random.Random) -> Plan:
    size, number = draw.randrange(3000, 8000), 60

    def run(net: Network) -> int:
        net.server.serve(voice.listener, SERVER)
        return int(net.client.run(voice.datagrams, SERVER, size, number, 0.05))

    link = Path(delay_ms=draw.uniform(5, 12))
    shows = {"ip.flags.mf == 1 || ip.frag_offset > 0": (number * 3, None)}
    return Plan(
        run,
        at(
            client=Diagnosis(
                [Expected("fragmentation", TO_SERVER, ("fragmented_datagrams", number, "datagrams"), 0.05)]
            )
        ),
        {"client": shows},
        link,
        link,
        snap_length=64,
        configured={"size": size, "datagrams": number},
    )


@scenario("a call over a link whose delay changes from packet to packet")
def jittery_call(draw: random.Random) -> Plan:
    jitter = draw.uniform(25, 45)
    base = Path(delay_ms=draw.uniform(10, 20))

    def run(net: Network) -> int:
        net.server.serve(voice.listener, SERVER)
        return int(net.client.run(voice.call, SERVER, 5.0))

    jittered = Path(delay_ms=base.delay_ms, jitter_ms=jitter)
    return Plan(
        run,
        at(server=Diagnosis([Expected("jitter", TO_SERVER)])),
        {"server": {"udp.port == 4000": (200, None)}},
        jittered,
        base,
        snap_length=80,
    )


@scenario("bursts of a millisecond that overflow a short queue, on a line that is hardly used")
def micro_bursts(draw: random.Random) -> Plan:
    base = Path(delay_ms=draw.uniform(3, 6))

    def run(net: Network) -> int:
        net.server.serve(voice.listener, SERVER)
        return int(net.client.run(voice.bursts, SERVER, 80, draw.uniform(0.2, 0.3), 15))

    shows = {"udp.port == 4000": (1200, 1200)}
    return Plan(
        run,
        at(client=Diagnosis([Expected("micro_bursts", TO_SERVER)])),
        {"client": shows},
        Path(delay_ms=base.delay_ms, rate_mbit=100, queue=40),
        base,
        snap_length=64,
    )


@scenario("programs that all send at the same moment overflow a short queue, beside a transfer at an even pace")
def incast(draw: random.Random) -> Plan:
    base = Path(delay_ms=draw.uniform(2, 5))
    connections, length = draw.randrange(8, 12), draw.randrange(14_000, 20_000)

    def run(net: Network) -> Any:
        net.server.serve(bulk.sink_and_source, SERVER)
        steady = net.client.start(lambda: bulk.paced_upload(SERVER, 9_000, 0.02, 110))
        net.client.run(lambda: bulk.meeting_uploads(SERVER, connections, length, 0.35, 6))
        return steady.result()

    def diagnose(outcome: Outcome) -> Mapping[str, Diagnosis]:
        did = outcome.link[TO_SERVER]
        loss = ("loss_share", did["data_lost"] / did["data_received"], "ratio")
        first = [Expected("micro_bursts", TO_SERVER), Expected("packet_loss", TO_SERVER, loss)]
        also = ["micro_bursts", "packet_loss", "burst_loss", "sender_limited"]
        return {"client": Diagnosis(first, also)}

    shows = {REPEATED: (20, None)}
    return Plan(
        run,
        diagnose,
        {"client": shows},
        Path(delay_ms=base.delay_ms, rate_mbit=60, queue=30),
        base,
        configured={"connections": connections, "length": length},
    )
