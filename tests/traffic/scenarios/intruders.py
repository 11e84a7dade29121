"""Somebody who should not be there."""

import base64
import random
from typing import Any

from tests.traffic.link import Path
from tests.traffic.programs import names, scanning, shell, web
from tests.traffic.scenario import (
    CLIENT,
    LARGE_WINDOWS,
    OUTSIDE,
    SERVER,
    TO_SERVER,
    Diagnosis,
    Expected,
    Network,
    Plan,
    at,
    scenario,
)

WELL_KNOWN = [
    21,
    22,
    23,
    25,
    53,
    80,
    110,
    111,
    135,
    139,
    143,
    443,
    445,
    993,
    995,
    1433,
    1723,
    3306,
    3389,
    5432,
    5900,
    8080,
]
INSIDE = [f"10.77.0.{last}" for last in range(20, 60)]
SMB, RDP, WINRM = 445, 3389, 5985


def quick(draw: random.Random) -> Path:
    return Path(delay_ms=draw.uniform(0.5, 3))


@scenario("one host tries hundreds of ports of another, in no order; a few are open")
def port_scan(draw: random.Random) -> Plan:
    number = draw.randrange(250, 450)
    ports = draw.sample(WELL_KNOWN + draw.sample(range(1024, 49152), number - len(WELL_KNOWN)), number)
    doors = draw.sample([22, 80, 443, 3306], 3)

    def run(net: Network) -> Any:
        net.server.serve(scanning.open_ports, SERVER, doors)
        return net.client.run(scanning.knock, [(SERVER, port) for port in ports], 150, 1)

    link = quick(draw)
    scan = Expected("port_scan", TO_SERVER, ("ports", number, "ports"), 0.05)
    shows = {
        "tcp.flags.syn == 1 && tcp.flags.ack == 0": (number, number),
        "tcp.flags.reset == 1 && tcp.seq == 1": (number - len(doors), None),
    }
    return Plan(
        run,
        at(client=Diagnosis([scan], ["connection_refused"])),
        {"client": shows},
        link,
        link,
        snap_length=80,
        configured={"ports": number, "open": sorted(doors)},
    )


@scenario("one host tries one port of a whole network; most addresses are nobody's")
def host_sweep(draw: random.Random) -> Plan:
    port = draw.choice([445, 22, 23, 3389])
    alive = draw.sample(INSIDE, 6)
    targets = draw.sample([f"10.99.0.{last}" for last in range(1, 255)], 150) + alive

    def run(net: Network) -> Any:
        net.server.serve(scanning.greeters, port, b"hello\r\n")
        return net.client.run(scanning.knock, [(target, port) for target in draw.sample(targets, len(targets))], 100, 2)

    link = quick(draw)
    sweep = Expected("host_sweep", TO_SERVER, ("hosts", len(targets), "hosts"), 0.05)
    shows = {
        "tcp.flags.syn == 1 && tcp.flags.ack == 0": (len(targets), None),
        "tcp.flags.syn == 1 && tcp.flags.ack == 1": (6, 6),
    }
    return Plan(
        run,
        at(client=Diagnosis([sweep], ["syn_unanswered"])),
        {"client": shows},
        link,
        link,
        more_server_addresses=[f"{address}/24" for address in alive],
        snap_length=80,
        configured={"port": port, "hosts": len(targets), "alive": len(alive)},
    )


@scenario("one host guesses passwords at an SSH server: connection after connection, each refused after a few tries")
def ssh_brute_force(draw: random.Random) -> Plan:
    connections, attempts, seed = draw.randrange(40, 60), draw.randrange(1, 4), draw.randrange(1 << 30)

    def run(net: Network) -> int:
        net.server.serve(shell.shell_server, SERVER, 0.003, attempts)
        return int(net.client.run(shell.guess, SERVER, connections, attempts, seed))

    link = quick(draw)
    guessing = Expected("brute_force", TO_SERVER, ("attempts", connections, "connections"), 0.05)
    shows = {
        "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport == 22": (connections, connections),
        "ssh": (100, None),
    }
    return Plan(
        run,
        at(client=Diagnosis([guessing])),
        {"client": shows},
        link,
        link,
        snap_length=112,
        configured={"connections": connections, "attempts_each": attempts},
    )


@scenario("malware calls home: a small request to the same outside host about every minute, all night")
def beaconing(draw: random.Random) -> Plan:
    every_s, beats, size = draw.uniform(45, 120), 40, draw.randrange(80, 200)
    jitter = draw.uniform(0, 0.08)

    def run(net: Network) -> None:
        net.server.serve(web.site, OUTSIDE, 8443)
        for _ in range(beats):
            net.client.run(lambda: web.visit(OUTSIDE, [(size, 3)], port=8443, between_s=0))
            net.calendar.pass_time(every_s * (1 + draw.uniform(-jitter, jitter)), 0.1)

    link = Path(delay_ms=draw.uniform(8, 20))
    beacon = Expected("beaconing", TO_SERVER, ("period", every_s, "s"), 0.1)
    return Plan(
        run,
        at(client=Diagnosis([beacon])),
        {"client": {"tcp.flags.syn == 1 && tcp.flags.ack == 0": (beats, beats)}},
        link,
        link,
        more_server_addresses=[f"{OUTSIDE}/32"],
        snap_length=128,
        configured={"every_s": every_s, "beats": beats, "jitter": jitter},
    )


@scenario("a flood of SYNs with forged senders at one port; handshakes that nobody finishes")
def syn_flood(draw: random.Random) -> Plan:
    number, seed = draw.randrange(1000, 1400), draw.randrange(1 << 30)

    def run(net: Network) -> int:
        net.server.serve(web.site, SERVER)
        flood = net.client.start(scanning.flood, SERVER, 80, number, 600, seed)
        net.client.run(web.visit, SERVER, [(3000, 5)] * 4)
        return int(flood.result())

    link = quick(draw)
    flooded = Expected("flood", TO_SERVER, ("syns", number, "packets"), 0.05)
    shows = {"tcp.flags.syn == 1 && tcp.flags.ack == 0": (number, None)}
    return Plan(
        run,
        at(server=Diagnosis([flooded], ["syn_unanswered", "slow_handshake"])),
        {"server": shows},
        link,
        link,
        snap_length=64,
        # Half-open handshakes are answered again and again; once is enough to see.
        settings={"net.ipv4.tcp_synack_retries": 1, "net.ipv4.tcp_max_syn_backlog": 128},
        configured={"syns": number},
    )


@scenario("one host sends far more to an outside host that it has not talked to before than it gets from anywhere")
def exfiltration(draw: random.Random) -> Plan:
    length, seed = draw.randrange(8_000_000, 12_000_000), draw.randrange(1 << 30)

    def run(net: Network) -> None:
        net.server.serve(web.site, SERVER)
        net.server.serve(web.site, OUTSIDE, 443)
        net.client.run(web.browse, SERVER, 2, seed)
        net.client.run(lambda: web.post(OUTSIDE, length, port=443))

    link = Path(delay_ms=draw.uniform(8, 15))
    sent = Expected("exfiltration", TO_SERVER, ("sent", length, "B"), 0.05)
    return Plan(
        run,
        at(client=Diagnosis([sent])),
        {"client": {f"ip.dst == {OUTSIDE} && tcp.len > 8000": (800, None)}},
        link,
        link,
        more_server_addresses=[f"{OUTSIDE}/32"],
        mtu=9000,
        settings=LARGE_WINDOWS,
        snap_length=80,
        configured={"sent": length},
    )


@scenario("data inside DNS names: one domain, hundreds of long names that never repeat, answered with long texts")
def dns_tunnel(draw: random.Random) -> Plan:
    domain, number, seed = f"t{draw.randrange(100)}.example.net", draw.randrange(180, 260), draw.randrange(1 << 30)
    plan = {domain: names.Answer(text=draw.randbytes(150)), "example.test": names.Answer()}
    hidden = [(f"{_label(draw, 50)}.{_label(draw, 45)}.{domain}", names.TXT) for _ in range(number)]
    usual = [(f"www{draw.randrange(9)}.example.test", names.A) for _ in range(20)]
    asked = draw.sample(hidden + usual, number + 20)

    def run(net: Network) -> None:
        net.server.serve(names.name_server, SERVER, plan, names.Answer())
        net.client.run(lambda: names.ask(SERVER, asked, every_s=0.02, seed=seed))

    link = Path(delay_ms=draw.uniform(3, 8))
    tunnel = Expected("dns_tunnel", TO_SERVER, ("names", number, "names"), 0.1)
    shows = {f'dns.flags.response == 0 && dns.qry.name contains "{domain}"': (number, number)}
    return Plan(
        run,
        at(client=Diagnosis([tunnel])),
        {"client": shows},
        link,
        link,
        snap_length=300,
        configured={"domain": domain, "names": number},
    )


def _label(draw: random.Random, length: int) -> str:
    return base64.b32encode(draw.randbytes(40)).decode().lower()[:length]


@scenario("one workstation logs in to many others by their administration ports, one after the other")
def lateral_movement(draw: random.Random) -> Plan:
    targets = draw.sample(INSIDE, draw.randrange(16, 24))
    visits = [(target, draw.choice([SMB, SMB, RDP, WINRM])) for target in targets]

    def run(net: Network) -> None:
        for port in (SMB, RDP, WINRM):
            net.server.serve(scanning.greeters, port, b"\0" * 64)
        for target, port in visits:
            net.client.run(scanning.log_in_by, target, port, draw.randrange(4, 9))
            net.calendar.pass_time(draw.uniform(5, 25), 0.05)

    link = quick(draw)
    moved = Expected("lateral_movement", TO_SERVER, ("hosts", len(targets), "hosts"), 0.05)
    shows = {"tcp.flags.syn == 1 && tcp.flags.ack == 1": (len(targets), len(targets)), "tcp.flags.reset == 1": (0, 0)}
    return Plan(
        run,
        at(client=Diagnosis([moved])),
        {"client": shows},
        link,
        link,
        more_server_addresses=[f"{target}/24" for target in targets],
        configured={"hosts": len(targets), "from": CLIENT},
    )
