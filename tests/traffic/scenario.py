"""What a scenario is, and what its recording is expected to be diagnosed as."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.traffic.capturing import Calendar
from tests.traffic.link import Mirror, Path
from tests.traffic.middleboxes import Middlebox
from tests.traffic.namespaces import Host

CLIENT, SERVER = "10.77.0.1", "10.77.0.2"
CLIENT6, SERVER6 = "fd77::1", "fd77::2"
# Documentation addresses (RFC 5737, RFC 3849) stand for the internet: outside of the hosts' private networks.
OUTSIDE = "203.0.113.10"
# Large enough that no window holds a transfer back.
LARGE_WINDOWS = {"net.ipv4.tcp_rmem": "4096 4194304 16777216"}
TO_SERVER, TO_CLIENT, BOTH, NONE = "client_to_server", "server_to_client", "both", "none"


@dataclass(frozen=True)
class Network:
    """The two hosts while they are being recorded; `addresses` are what each answers to besides its own."""

    client: Host
    server: Host
    calendar: Calendar


@dataclass(frozen=True)
class Outcome:
    """What happened, when the expectation is written: the link's account, and what `run` returned."""

    link: Mapping[str, Any]
    returned: Any


@dataclass(frozen=True)
class Expected:
    """A finding that the capture must lead to. `direction` None is not judged; `measure` is (name, value, unit)."""

    id: str
    direction: str | None = None
    measure: tuple[str, float, str] | None = None
    # Of the value, either way.
    tolerance: float = 0.25


@dataclass(frozen=True)
class Diagnosis:
    """What one capture shows: the top finding is one of `first`, the best answer first; none for a clean one.

    Besides the top one, only those of `also` may be found: what follows from the cause.
    """

    first: Sequence[Expected] = ()
    also: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """A scenario with everything drawn: the link, who has which addresses, what is done, what is to be found.

    Captures are named for where they are taken: client, server, or mirror where there is one.
    `diagnose` gives the diagnosis by capture; a capture it does not name is not kept.
    `shows` says by capture what tshark must find: {display filter: (least, most or None)}.
    """

    run: Callable[[Network], Any]
    diagnose: Callable[[Outcome], Mapping[str, Diagnosis]]
    shows: Mapping[str, Mapping[str, tuple[int, int | None]]]
    to_server: Path
    to_client: Path
    boxes: Sequence[Middlebox] = ()
    mirror: Mirror | None = None
    more_client_addresses: Sequence[str] = ()
    more_server_addresses: Sequence[str] = ()
    settings: Mapping[str, str | int] = field(default_factory=dict)
    mtu: int = 1500
    snap_length: int = 96
    configured: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """A name, a sentence for people, and how it is drawn from a seed."""

    name: str
    what: str
    plan: Callable[[random.Random], Plan]


SCENARIOS: dict[str, Scenario] = {}


def scenario(what: str) -> Callable[[Callable[[random.Random], Plan]], Callable[[random.Random], Plan]]:
    """Put a plan among SCENARIOS by its function's name."""

    def add(plan: Callable[[random.Random], Plan]) -> Callable[[random.Random], Plan]:
        name = plan.__name__
        SCENARIOS[name] = Scenario(name, what, plan)
        return plan

    return add


def everywhere(diagnosis: Diagnosis) -> Callable[[Outcome], Mapping[str, Diagnosis]]:
    """The same at both ends."""
    return lambda outcome: {"client": diagnosis, "server": diagnosis}


def at(**diagnoses: Diagnosis) -> Callable[[Outcome], Mapping[str, Diagnosis]]:
    """A diagnosis for each capture, known before the recording."""
    return lambda outcome: diagnoses


CLEAN = Diagnosis()
