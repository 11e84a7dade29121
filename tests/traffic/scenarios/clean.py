"""Nothing is wrong, and nothing may be found, although some of it resembles what is."""

import random
import time
from typing import Any

from tests.traffic.link import Path
from tests.traffic.programs import bulk, clocks, names, scanning, shell, voice, web
from tests.traffic.scenario import (
    CLEAN,
    CLIENT,
    LARGE_WINDOWS,
    OUTSIDE,
    SERVER,
    SERVER6,
    Network,
    Plan,
    at,
    everywhere,
    scenario,
)

QUIET = {
    "tcp.analysis.retransmission": (0, 0),
    "tcp.analysis.lost_segment": (0, 0),
    "tcp.analysis.out_of_order": (0, 0),
}


@scenario("people who browse a web site over kept connections, and look up its names")
def http_keep_alive(draw: random.Random) -> Plan:
    address, seed, people = draw.choice([SERVER, SERVER6]), draw.randrange(1 << 30), draw.randrange(4, 7)
    asked = [(f"{host}.example.test", kind) for host in ("www", "static", "api") for kind in (names.A, names.AAAA)]

    def run(net: Network) -> int:
        net.server.serve(web.site, address)
        net.server.serve(names.name_server, address, {}, names.Answer())
        net.client.run(lambda: names.ask(address, asked, every_s=0.02, seed=seed))
        return int(net.client.run(web.browse, address, people, seed))

    link = Path(delay_ms=draw.uniform(4, 15))
    shows = {
        **QUIET,
        "tcp.srcport == 80 && tcp.len > 0": (40, None),
        "dns.flags.response == 1": (6, 6),
        "tcp.flags.reset == 1": (0, 0),
    }
    return Plan(run, everywhere(CLEAN), {"client": shows, "server": shows}, link, link, snap_length=160)


@scenario("a nightly backup: a large upload to a server inside, as fast as the line is, and nothing lost")
def backup(draw: random.Random) -> Plan:
    length = draw.randrange(8_000_000, 12_000_000)

    def run(net: Network) -> Any:
        net.server.serve(bulk.sink_and_source, SERVER)
        return net.client.run(bulk.upload, SERVER, length)

    link = Path(delay_ms=draw.uniform(1, 4))
    shows = {**QUIET, "tcp.len > 8000": (800, None)}
    return Plan(
        run,
        at(client=CLEAN),
        {"client": shows},
        link,
        link,
        mtu=9000,
        settings=LARGE_WINDOWS,
        snap_length=80,
        configured={"length": length},
    )


@scenario("a monitor that asks many hosts for their figures, minute after minute")
def monitoring(draw: random.Random) -> Plan:
    hosts = [f"10.77.0.{last}" for last in draw.sample(range(20, 200), 12)]
    every_s, rounds = draw.choice([15, 30, 60]), 8

    def run(net: Network) -> None:
        net.server.serve(web.site, "0.0.0.0", 9100)
        for _ in range(rounds):
            started = time.monotonic()
            net.client.run(round_of_visits)
            net.calendar.pass_time(every_s - (time.monotonic() - started), 0.1)

    def round_of_visits() -> None:
        for host in hosts:
            web.visit(host, [(2400, 4)], port=9100, between_s=0)

    link = Path(delay_ms=draw.uniform(0.5, 2))
    connections = rounds * len(hosts)
    shows = {**QUIET, "tcp.flags.syn == 1 && tcp.flags.ack == 1": (connections, connections)}
    return Plan(
        run,
        at(client=CLEAN),
        {"client": shows},
        link,
        link,
        more_server_addresses=[*(f"{host}/24" for host in hosts)],
        snap_length=80,
        configured={"hosts": len(hosts), "every_s": every_s, "rounds": rounds},
    )


@scenario("a person who works on a server by SSH, types, thinks, and a resolver that now and then knows no such name")
def office_work(draw: random.Random) -> Plan:
    seed = draw.randrange(1 << 30)
    asked = [(f"host{draw.randrange(30)}.example.test", draw.choice([names.A, names.AAAA])) for _ in range(40)]
    asked.insert(7, ("wpad.example.test", names.A))
    plan = {"wpad.example.test": names.Answer(names.NXDOMAIN)}

    def run(net: Network) -> None:
        net.server.serve(shell.shell_server, SERVER, 0.01, 0)
        net.server.serve(names.name_server, SERVER, plan, names.Answer())
        people = [net.client.start(shell.work, SERVER, 25, seed + one) for one in range(2)]
        net.client.run(lambda: names.ask(SERVER, asked, every_s=0.04, seed=seed))
        for person in people:
            person.result()

    link = Path(delay_ms=draw.uniform(3, 10))
    shows = {**QUIET, "dns.flags.response == 1": (41, 41)}
    return Plan(run, at(client=CLEAN), {"client": shows}, link, link, snap_length=160)


@scenario("an administrator's inventory: a few servers, each asked once by its administration port")
def administration(draw: random.Random) -> Plan:
    hosts = [f"10.77.0.{last}" for last in draw.sample(range(20, 60), 3)]

    def run(net: Network) -> None:
        net.server.serve(scanning.greeters, 5985, b"\0" * 64)
        for _ in range(2):
            for host in hosts:
                net.client.run(scanning.log_in_by, host, 5985, 6)
                net.calendar.pass_time(draw.uniform(20, 90), 0.1)

    link = Path(delay_ms=draw.uniform(0.5, 3))
    shows = {**QUIET, "tcp.flags.syn == 1 && tcp.flags.ack == 1": (6, 6)}
    return Plan(
        run,
        at(client=CLEAN),
        {"client": shows},
        link,
        link,
        more_server_addresses=[f"{host}/24" for host in hosts],
        configured={"hosts": len(hosts)},
    )


@scenario("what runs behind everything: the time asked for every minute, and a kept connection that says it is alive")
def background(draw: random.Random) -> Plan:
    every_s, rounds = draw.choice([60, 64]), 24

    def run(net: Network) -> None:
        net.server.serve(scanning.greeters, 5223, b"hello\r\n")
        net.server.serve(clocks.time_server, OUTSIDE)
        net.client.run(clocks.keep_in_touch, OUTSIDE, 5223, rounds, lambda: net.calendar.pass_time(every_s))

    link = Path(delay_ms=draw.uniform(8, 20))
    shows = {**QUIET, "udp.port == 123": (rounds * 2, rounds * 2), "tcp.flags.syn == 1": (2, 2)}
    return Plan(
        run,
        at(client=CLEAN),
        {"client": shows},
        link,
        link,
        more_server_addresses=[f"{OUTSIDE}/32"],
        snap_length=112,
        configured={"every_s": every_s, "rounds": rounds},
    )


@scenario("a film: a piece of it every few seconds over one kept connection, as fast as the line is, then silence")
def streaming(draw: random.Random) -> Plan:
    every_s, pieces = draw.uniform(4, 6), [draw.randrange(60_000, 160_000) for _ in range(10)]

    def run(net: Network) -> None:
        net.server.serve(web.site, OUTSIDE)
        net.client.run(web.watch, OUTSIDE, pieces, lambda: net.calendar.pass_time(every_s))

    link = Path(delay_ms=draw.uniform(8, 15))
    shows = {**QUIET, "tcp.len > 1000": (400, None), "tcp.flags.syn == 1": (2, 2)}
    return Plan(
        run,
        at(client=CLEAN),
        {"client": shows},
        link,
        link,
        more_server_addresses=[f"{OUTSIDE}/32"],
        settings=LARGE_WINDOWS,
        snap_length=80,
        configured={"pieces": len(pieces), "every_s": every_s},
    )


@scenario("many names that never repeat and mean no harm: reverse look-ups of a log server, hosts of a content network")
def name_lookups(draw: random.Random) -> Plan:
    seed = draw.randrange(1 << 30)
    reverse = [(f"{draw.randrange(1, 255)}.{draw.randrange(256)}.51.198.in-addr.arpa", names.PTR) for _ in range(70)]
    content = [(f"r{draw.randrange(9)}---sn-{draw.randbytes(4).hex()}.cdn.example.test", names.A) for _ in range(50)]
    asked = draw.sample(reverse + content, 120)
    unknown = {name: names.Answer(names.NXDOMAIN) for name, _ in reverse[:8]}

    def run(net: Network) -> None:
        net.server.serve(names.name_server, SERVER, unknown, names.Answer())
        net.client.run(lambda: names.ask(SERVER, asked, every_s=0.03, seed=seed))

    link = Path(delay_ms=draw.uniform(3, 10))
    shows = {"dns.flags.response == 1": (120, 120), "dns.flags.rcode == 3": (8, 8)}
    return Plan(run, at(client=CLEAN), {"client": shows}, link, link, snap_length=300)


@scenario("a video call, both ways: a picture thirty times a second, each of some datagrams at once")
def video_call(draw: random.Random) -> Plan:
    seed = draw.randrange(1 << 30)

    def run(net: Network) -> int:
        net.server.serve(voice.listener, SERVER)
        net.client.serve(voice.listener, CLIENT)
        back = net.server.start(lambda: voice.film(CLIENT, 4, seed + 1))
        there = int(net.client.run(lambda: voice.film(SERVER, 4, seed)))
        return there + int(back.result())

    link = Path(delay_ms=draw.uniform(10, 40))
    shows = {"udp.port == 4000": (800, None)}
    return Plan(run, everywhere(CLEAN), {"client": shows, "server": shows}, link, link, snap_length=64)
