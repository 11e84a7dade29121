"""Slow because of a host or its application, not because of the network."""

import random

from tests.traffic.link import Path
from tests.traffic.programs import bulk, web
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
    everywhere,
    scenario,
)

ZERO_WINDOW = "tcp.analysis.zero_window"
NO_LOSS = {"tcp.analysis.retransmission": (0, 0), "tcp.analysis.lost_segment": (0, 0)}


@scenario("a web server that thinks for most of a second before it answers; the network is quick")
def slow_server(draw: random.Random) -> Plan:
    think_ms = draw.randrange(650, 950)  # 500 ms is the least that is told, and some answers come a fifth sooner
    address = draw.choice([SERVER, SERVER6])
    requests = [(draw.randrange(400, 9000), round(think_ms * draw.uniform(0.8, 1.2))) for _ in range(5)]

    def run(net: Network) -> list[float]:
        net.server.serve(web.site, address)
        visits = [net.client.start(web.visit, address, requests) for _ in range(2)]
        return [waited for visit in visits for waited in visit.result()]

    def diagnose(outcome: Outcome) -> dict[str, Diagnosis]:
        median = sorted(outcome.returned)[len(outcome.returned) // 2] * 1000
        found = Expected("slow_server", TO_CLIENT, ("time_to_first_byte", median, "ms"))
        return {"client": Diagnosis([found]), "server": Diagnosis([found])}

    link = Path(delay_ms=draw.uniform(4, 12))
    shows = {"tcp.srcport == 80 && tcp.len > 0 && tcp.time_delta > 0.3": (10, None), **NO_LOSS}
    return Plan(
        run,
        diagnose,
        {"client": shows, "server": shows},
        link,
        link,
        snap_length=160,
        configured={"think_ms": think_ms},
    )


@scenario("a download whose reader is slow: its small buffer fills and its window closes, again and again")
def slow_receiver(draw: random.Random) -> Plan:
    buffer, piece, every_s = draw.randrange(12_000, 24_000), draw.randrange(3_000, 6_000), draw.uniform(0.04, 0.08)
    length = int(piece * 3.5 / every_s)

    def run(net: Network) -> object:
        net.server.serve(bulk.sink_and_source, SERVER)
        return net.client.run(bulk.slow_download, SERVER, length, buffer, piece, every_s)

    link = Path(delay_ms=draw.uniform(4, 12))
    rate = ("throughput", piece / every_s * 8, "bit/s")
    shows = {ZERO_WINDOW: (2, None), "tcp.analysis.lost_segment": (0, 0)}
    return Plan(
        run,
        everywhere(Diagnosis([Expected("receiver_limited", TO_CLIENT, rate)])),
        {"client": shows, "server": shows},
        link,
        link,
        configured={"receive_buffer": buffer, "read": piece, "every_s": every_s, "length": length},
    )


@scenario("an application that sends a piece now and then: the network is idle between, and waits for it")
def sender_limited(draw: random.Random) -> Plan:
    piece, every_s = draw.randrange(4_000, 10_000), draw.uniform(0.15, 0.3)

    def run(net: Network) -> object:
        net.server.serve(bulk.sink_and_source, SERVER)
        return net.client.run(bulk.paced_upload, SERVER, piece, every_s, int(5 / every_s))

    link = Path(delay_ms=draw.uniform(8, 15))
    rate = ("throughput", piece / every_s * 8, "bit/s")
    shows = {"tcp.len > 0": (50, None), ZERO_WINDOW: (0, 0), **NO_LOSS}
    return Plan(
        run,
        everywhere(Diagnosis([Expected("sender_limited", TO_SERVER, rate)])),
        {"client": shows, "server": shows},
        link,
        link,
        configured={"piece": piece, "every_s": every_s},
    )
