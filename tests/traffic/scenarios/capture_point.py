"""The network is well; where it was captured makes it look ill."""

import random
from typing import Any

from tests.traffic.link import Mirror, Path
from tests.traffic.programs import bulk, web
from tests.traffic.scenario import BOTH, SERVER, TO_CLIENT, TO_SERVER, Diagnosis, Expected, Network, Plan, at, scenario


def ordinary(draw: random.Random) -> Any:
    """Some browsing and a transfer each way."""
    seed, length = draw.randrange(1 << 30), draw.randrange(150_000, 250_000)

    def run(net: Network) -> int:
        net.server.serve(web.site, SERVER)
        net.server.serve(bulk.sink_and_source, SERVER)
        requests = net.client.run(web.browse, SERVER, 3, seed)
        net.client.run(bulk.upload, SERVER, length)
        net.client.run(bulk.download, SERVER, length)
        return int(requests)

    return run


@scenario("only one direction of every connection is captured: the other goes another way")
def asymmetric_capture(draw: random.Random) -> Plan:
    seen = draw.choice([TO_SERVER, TO_CLIENT])
    link = Path(delay_ms=draw.uniform(4, 12))
    other = "ip.src == 10.77.0.2" if seen == TO_SERVER else "ip.src == 10.77.0.1"
    return Plan(
        ordinary(draw),
        at(mirror=Diagnosis([Expected("asymmetric_routing", None, ("one_sided_share", 1.0, "ratio"), 0.05)])),
        {"mirror": {other: (0, 0), "tcp": (100, None)}},
        link,
        link,
        mirror=Mirror(to_server=seen == TO_SERVER, to_client=seen == TO_CLIENT),
        configured={"seen": seen},
    )


@scenario("a mirror port that shows every packet twice: as it comes in and as it goes out, perhaps behind a router")
def span_duplicates(draw: random.Random) -> Plan:
    behind_router = draw.random() < 0.5
    link = Path(delay_ms=draw.uniform(4, 12))
    return Plan(
        ordinary(draw),
        at(mirror=Diagnosis([Expected("duplicated_packets", BOTH, ("duplicate_share", 0.5, "ratio"), 0.05)])),
        {
            "mirror": {
                "ip.ttl == 63": (200, None) if behind_router else (0, 0),
                "tcp.analysis.retransmission": (50, None),
            }
        },
        link,
        link,
        mirror=Mirror(copies=2, behind_router=behind_router, apart_us=draw.uniform(3, 60)),
        configured={"behind_router": behind_router},
    )
