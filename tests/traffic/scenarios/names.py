"""Name resolution that does not answer, is slow, or fails."""

import random
import socket
from typing import Any

from tests.traffic.link import Path
from tests.traffic.middleboxes import Gone
from tests.traffic.programs import names
from tests.traffic.scenario import CLEAN, SERVER, SERVER6, Diagnosis, Expected, Network, Plan, at, scenario

SECOND_RESOLVER = "10.77.0.53"
HOSTS = ["www", "mail", "api", "cdn", "login", "static", "img", "shop"]
DOMAIN = "example.test"
KNOWN = {DOMAIN: names.Answer()}


def some_names(draw: random.Random, number: int) -> list[str]:
    return [f"{draw.choice(HOSTS)}{draw.randrange(20)}.{DOMAIN}" for _ in range(number)]


@scenario("the first of two resolvers is down; glibc's resolver waits for it before it asks the second, every time")
def dns_resolver_down(draw: random.Random) -> Plan:
    asked = some_names(draw, draw.randrange(4, 7))

    def run(net: Network) -> Any:
        net.server.serve(names.name_server, SERVER, KNOWN, names.Answer())
        net.server.serve(names.name_server, SECOND_RESOLVER, KNOWN, names.Answer())
        clients = [
            net.client.start(names.resolve, [SERVER, SECOND_RESOLVER], asked[part::2], 1, 0.2) for part in (0, 1)
        ]
        return [answer for client in clients for answer in client.result()]

    link = Path(delay_ms=draw.uniform(3, 8))
    down = Expected("dns_unanswered", None, ("unanswered_share_of_resolver", 1.0, "ratio"), 0.05)
    return Plan(
        run,
        at(client=Diagnosis([down]), server=CLEAN),
        {
            "client": {
                f"dns.flags.response == 0 && ip.dst == {SERVER}": (len(asked), None),
                f"dns.flags.response == 1 && ip.src == {SERVER}": (0, 0),
                f"dns.flags.response == 1 && ip.src == {SECOND_RESOLVER}": (len(asked), None),
            }
        },
        link,
        link,
        boxes=[Gone({socket.inet_aton(SERVER)})],
        more_server_addresses=[f"{SECOND_RESOLVER}/24"],
        snap_length=512,
        configured={"down": SERVER, "works": SECOND_RESOLVER, "names": len(asked)},
    )


@scenario("a resolver that takes most of a second for each name")
def dns_slow(draw: random.Random) -> Plan:
    address, after_s = draw.choice([SERVER, SERVER6]), draw.uniform(0.4, 0.8)
    asked = [(name, draw.choice([names.A, names.AAAA])) for name in some_names(draw, 12)]
    seed = draw.randrange(1 << 30)

    def run(net: Network) -> Any:
        net.server.serve(names.name_server, address, {DOMAIN: names.Answer(after_s=after_s)}, names.Answer())
        return net.client.run(lambda: names.ask(address, asked, every_s=0.1, seed=seed, patience_s=3))

    link = Path(delay_ms=draw.uniform(3, 8))
    slow = Expected("dns_slow", None, ("dns_median", (after_s + link.delay_ms / 500) * 1000, "ms"), 0.2)
    shows = {"dns.time > 0.3": (12, 12)}
    return Plan(
        run,
        at(client=Diagnosis([slow])),
        {"client": shows},
        link,
        link,
        snap_length=512,
        configured={"after_s": after_s, "resolver": address},
    )


@scenario("a resolver that cannot resolve: SERVFAIL or REFUSED for most names")
def dns_failing(draw: random.Random) -> Plan:
    rcode, seed = draw.choice([names.SERVFAIL, names.REFUSED]), draw.randrange(1 << 30)
    bad = [(name, names.A) for name in some_names(draw, draw.randrange(16, 24))]
    good = [(f"www.fine.{DOMAIN}", names.A)] * 6
    asked = draw.sample(bad + good, len(bad) + len(good))
    plan = {DOMAIN: names.Answer(rcode), f"fine.{DOMAIN}": names.Answer()}

    def run(net: Network) -> Any:
        net.server.serve(names.name_server, SERVER, plan, names.Answer())
        return net.client.run(lambda: names.ask(SERVER, asked, every_s=0.1, seed=seed))

    link = Path(delay_ms=draw.uniform(3, 8))
    failing = Expected("dns_errors", None, ("dns_error_share", len(bad) / len(asked), "ratio"), 0.05)
    shows = {f"dns.flags.rcode == {rcode}": (len(bad), len(bad)), "dns.flags.response == 1": (len(asked), len(asked))}
    return Plan(
        run,
        at(client=Diagnosis([failing])),
        {"client": shows},
        link,
        link,
        snap_length=512,
        configured={"rcode": rcode, "failing": len(bad), "asked": len(asked)},
    )


@scenario("a host that asks again and again for names that do not exist")
def dns_no_such_names(draw: random.Random) -> Plan:
    seed = draw.randrange(1 << 30)
    wrong = [(f"{draw.choice(HOSTS)}{draw.randrange(20)}.corp.invalid", names.A) for _ in range(draw.randrange(24, 32))]
    right = [(name, names.A) for name in some_names(draw, 6)]
    asked = draw.sample(wrong + right, len(wrong) + len(right))

    def run(net: Network) -> Any:
        net.server.serve(names.name_server, SERVER, KNOWN, names.Answer(names.NXDOMAIN))
        return net.client.run(lambda: names.ask(SERVER, asked, every_s=0.08, seed=seed))

    link = Path(delay_ms=draw.uniform(3, 8))
    errors = Expected("dns_errors", None, ("dns_error_share", len(wrong) / len(asked), "ratio"), 0.05)
    shows = {"dns.flags.rcode == 3": (len(wrong), len(wrong))}
    return Plan(
        run,
        at(client=Diagnosis([errors])),
        {"client": shows},
        link,
        link,
        snap_length=512,
        configured={"missing": len(wrong), "asked": len(asked)},
    )
