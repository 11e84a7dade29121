"""What stands between the hosts, or refuses at the server, and what the client sees of it."""

import random
import socket
import time
from typing import Any

from tests.traffic.link import Path
from tests.traffic.middleboxes import Resetter, Router, StateTable, SynFilter, SynLoss
from tests.traffic.programs import bulk, web
from tests.traffic.programs.sockets import connected, listening, payload, read_exactly, serve_each
from tests.traffic.scenario import (
    BOTH,
    CLEAN,
    SERVER,
    TO_SERVER,
    Diagnosis,
    Expected,
    Network,
    Plan,
    at,
    everywhere,
    scenario,
)

QUIET_PORT = 5432
# Longer than any pause while the connection is in use, retransmission timers of a quick link included.
FORGETS_S = 1.2
PAGE = [(3000, 5)] * 4


@scenario("a firewall that drops every SYN to one port; another port of the same server works")
def syn_dropped(draw: random.Random) -> Plan:
    port = draw.choice([443, 8443, 5432, 3306])
    clients, attempts_s = draw.randrange(3, 6), 4.5

    def run(net: Network) -> list[str]:
        net.server.serve(web.site, SERVER)
        net.server.serve(web.site, SERVER, port)
        attempts = [net.client.start(web.hurried, SERVER, port, attempts_s) for _ in range(clients)]
        net.client.run(web.visit, SERVER, PAGE)
        return [attempt.result() for attempt in attempts]

    link = Path(delay_ms=draw.uniform(4, 12))
    unanswered = Expected("syn_unanswered", TO_SERVER, ("unanswered_connections", clients, "connections"), 0)
    return Plan(
        run,
        at(client=Diagnosis([unanswered]), server=CLEAN),
        {
            "client": {f"tcp.dstport == {port} && tcp.analysis.retransmission": (clients * 2, None)},
            "server": {f"tcp.port == {port}": (0, 0), "tcp.srcport == 80 && tcp.len > 0": (4, None)},
        },
        link,
        link,
        boxes=[SynFilter(port)],
        snap_length=128,
        configured={"port": port, "connections": clients},
    )


@scenario(
    "a database connection that rests for many minutes, which a firewall forgets: what follows is dropped silently"
)
def idle_dropped(draw: random.Random) -> Plan:
    idle_s = draw.uniform(600, 3600)

    def converse(calendar_pause: Any) -> str:
        with connected(SERVER, QUIET_PORT, within_s=4) as connection:
            for _ in range(4):
                connection.sendall(payload(120))
                read_exactly(connection, 800)
                time.sleep(0.1)
            time.sleep(FORGETS_S)
            calendar_pause(idle_s - FORGETS_S)
            connection.sendall(payload(120))
            try:
                read_exactly(connection, 800)
            except TimeoutError:
                return "given up"
            return "answered"

    def run(net: Network) -> str:
        net.server.serve(question_and_answer, SERVER)
        return str(net.client.run(converse, net.calendar.pass_time))

    link = Path(delay_ms=draw.uniform(4, 12))
    dropped = Expected("idle_drop", TO_SERVER, ("idle", idle_s, "s"), 0.05)
    return Plan(
        run,
        at(client=Diagnosis([dropped], ["connection_reset", "packet_loss"])),
        {
            "client": {"tcp.analysis.retransmission": (3, None), "tcp.flags.reset == 1": (0, 1)},
        },
        link,
        link,
        boxes=[StateTable(FORGETS_S)],
        configured={"idle_s": idle_s},
    )


def question_and_answer(ready: Any, address: str) -> None:
    """120 bytes in, 800 out."""

    def talk(connection: socket.socket) -> None:
        while read_exactly(connection, 120):
            connection.sendall(payload(800))

    listener = listening(address, QUIET_PORT)
    ready()
    serve_each(listener, talk)


@scenario("a service that is not running: every connection is refused")
def connection_refused(draw: random.Random) -> Plan:
    port, attempts = draw.choice([8080, 5432, 6379]), draw.randrange(6, 12)

    def run(net: Network) -> list[str]:
        net.server.serve(web.site, SERVER)
        net.client.run(web.visit, SERVER, PAGE)
        came = []
        for _ in range(attempts):
            came.append(net.client.run(web.hurried, SERVER, port, 3))
            time.sleep(draw.uniform(0.1, 0.3))
        return came

    link = Path(delay_ms=draw.uniform(4, 12))
    refused = Expected("connection_refused", TO_SERVER, ("refused_connections", attempts, "connections"), 0)
    shows = {f"tcp.srcport == {port} && tcp.flags.reset == 1": (attempts, attempts)}
    return Plan(
        run,
        everywhere(Diagnosis([refused])),
        {"client": shows, "server": shows},
        link,
        link,
        snap_length=128,
        configured={"port": port, "connections": attempts},
    )


@scenario("an inspecting box that ends transfers by RST in both ends' names")
def reset_by_middlebox(draw: random.Random) -> Plan:
    transfers, after = draw.randrange(4, 8), draw.randrange(40_000, 90_000)

    def run(net: Network) -> list[str]:
        net.server.serve(bulk.sink_and_source, SERVER)
        net.server.serve(web.site, SERVER)
        net.client.run(web.visit, SERVER, PAGE)
        return [net.client.run(cut_short) for _ in range(transfers)]

    def cut_short() -> str:
        with connected(SERVER, bulk.PORT) as connection:
            connection.sendall(b"200000".zfill(16))
            try:
                read_exactly(connection, 200_000)
            except OSError as fault:
                return type(fault).__name__
        return "done"

    link = Path(delay_ms=draw.uniform(4, 12))
    reset = Expected("connection_reset", BOTH, ("reset_connections", transfers, "connections"), 0)
    return Plan(
        run,
        everywhere(Diagnosis([reset])),
        {
            "client": {"tcp.flags.reset == 1 && ip.ttl == 61": (transfers, None)},
            "server": {"tcp.flags.reset == 1 && ip.ttl == 61": (transfers, None)},
        },
        link,
        link,
        boxes=[Resetter(bulk.PORT, after)],
        configured={"after_bytes": after, "connections": transfers},
    )


@scenario("a router that has no way to some hosts, or may not reach them, and says so by ICMP")
def icmp_unreachable(draw: random.Random) -> Plan:
    # Host unreachable or prohibited; in IPv6 no route or prohibited.
    if draw.random() < 0.5:
        hosts = [f"10.88.{draw.randrange(256)}.{draw.randrange(1, 255)}" for _ in range(3)]
        router, kind, code = "10.77.0.254", "icmp.type == 3 && icmp.code", draw.choice([1, 13])
    else:
        hosts = [f"fd88::{draw.randrange(1, 65536):x}" for _ in range(3)]
        router, kind, code = "fd77::254", "icmpv6.type == 1 && icmpv6.code", draw.choice([0, 1])

    def run(net: Network) -> list[str]:
        net.server.serve(web.site, SERVER)
        net.client.run(web.visit, SERVER, PAGE)
        attempts = [net.client.start(web.hurried, host, 443, 2.5) for host in hosts]
        return [attempt.result() for attempt in attempts]

    link = Path(delay_ms=draw.uniform(4, 12))
    return Plan(
        run,
        at(client=Diagnosis([Expected("icmp_errors")], ["syn_unanswered"])),
        {"client": {f"{kind} == {code}": (3, None)}},
        link,
        link,
        boxes=[Router(router, set(hosts), code)],
        snap_length=256,
        configured={"hosts": hosts, "code": code},
    )


@scenario("a server whose SYNs get lost now and then: some connections take a second or three to open")
def syn_retries(draw: random.Random) -> Plan:
    connections = 12

    def run(net: Network) -> list[Any]:
        net.server.serve(web.site, SERVER)
        visits = []
        for _ in range(connections):
            visits.append(net.client.start(web.visit, SERVER, PAGE))
            time.sleep(0.15)
        return [visit.result() for visit in visits]

    every = draw.randrange(3, 5)
    link = Path(delay_ms=draw.uniform(4, 12))
    first = [
        Expected("slow_handshake", TO_SERVER),
        Expected("packet_loss", TO_SERVER),
        Expected("syn_unanswered", TO_SERVER),
    ]
    return Plan(
        run,
        at(client=Diagnosis(first, ["slow_handshake", "packet_loss", "syn_unanswered"])),
        {"client": {"tcp.flags.syn == 1 && tcp.analysis.retransmission": (3, None)}},
        link,
        link,
        boxes=[SynLoss(every, draw.choice([1, 2]))],
        snap_length=128,
        configured={"connections": connections, "affected": -(-connections // every)},
    )
