"""The words in which findings ask about flows: columns of the flow's row, by the side that sent.

Places in array columns are those of native/tcp.pxd: marks in the order of the public table, causes, fills and limits as
their enums there; states are indices of analysis.flows.STATES.
"""

from __future__ import annotations

from functools import cache

from pcap_analyzer.analysis.flows import KIND_ICMP, KIND_TCP, KIND_UDP, STATES
from pcap_analyzer.analysis.model import TCP_MARKS
from pcap_analyzer.analysis.tcp import CAUSE_ORDER, LIMIT_ORDER
from pcap_analyzer.analysis.watches import NO_TIME, Term, column, least, most, where
from pcap_analyzer.findings.model import Direction
from pcap_analyzer.findings.thresholds import DEAD_AFTER, DEAD_REPEATS

SIDES = ("client", "server")
DIRECTIONS: dict[str, Direction] = {"client": "client_to_server", "server": "server_to_client"}
OTHER = {"client": "server", "server": "client"}
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
FILL_ORDER = ("reordered", "repaired", "late")

tried = column("kind").equals(KIND_TCP) & (column("client_flags", FLAGS.index("syn")) > 0)
is_tcp = column("kind").equals(KIND_TCP)
is_udp = column("kind").equals(KIND_UDP)
is_icmp = column("kind").equals(KIND_ICMP)
one = where(is_tcp, 1, 1)
whole_bytes = column("client_bytes") + column("server_bytes")
has_payload = (column("client_payload_bytes") + column("server_payload_bytes")) > 0
duration = column("last_ns") - column("first_ns")


@cache
def inside(side: str) -> Term:
    """Whether an address is of a private network: RFC 1918, 3927, 4193, 4291. IPv4 lies in the last four bytes."""
    first, second = column(side, 12), column(side, 13)
    four = first.equals(10) | (first.equals(172) & (second // 16).equals(1)) | (first.equals(192) & second.equals(168))
    four = four | (first.equals(169) & second.equals(254)) | first.equals(127)
    head, next_head = column(side, 0), column(side, 1)
    six = (head // 2).equals(0xFC // 2) | (head.equals(0xFE) & (next_head // 64).equals(2))
    return where(column("ip_version").equals(4), four, six)


@cache
def many(side: str) -> Term:
    """Whether an address is of a group, or of everybody."""
    first = column(side, 12)
    return where(column("ip_version").equals(4), first >= 224, column(side, 0).equals(0xFF))


@cache
def of(side: str, name: str) -> Term:
    return column(f"{side}_{name}")


@cache
def mark(side: str, name: str) -> Term:
    """Segments with a mark."""
    return column(f"{side}_marks", TCP_MARKS.index(name))


@cache
def cause(side: str, name: str) -> Term:
    """Repeated segments by why."""
    return column(f"{side}_causes", CAUSE_ORDER.index(name))


@cache
def fill(side: str, name: str) -> Term:
    """Segments that came late, by why."""
    return column(f"{side}_fills", FILL_ORDER.index(name))


@cache
def limit(side: str, name: str) -> Term:
    """ns for which a side's sending waited."""
    return column(f"{side}_limits_ns", LIMIT_ORDER.index(name))


@cache
def flag(side: str, name: str) -> Term:
    """Segments with a flag."""
    return column(f"{side}_flags", FLAGS.index(name))


@cache
def state(*names: str) -> Term:
    """Whether the flow's conn_state is one of these."""
    return column("conn_state").one_of(STATES.index(name) for name in names)


@cache
def known(term: Term) -> Term:
    """Whether a time is there."""
    return ~term.equals(NO_TIME)


@cache
def spurious(side: str) -> Term:
    """Repetitions that the receiver, or its timestamps, proved needless."""
    return most(of(side, "spurious_dsack"), of(side, "spurious_timestamps"))


@cache
def doubled(side: str) -> Term:
    """Copies that no sender made: the network did, or the capture took a packet twice."""
    return of(side, "copies")


@cache
def sent_again(side: str) -> Term:
    """Segments that the sender sent again, for whatever reason."""
    again = cause(side, "rto") + cause(side, "fast") + cause(side, "tail_loss")
    return most(again - of(side, "copies_as_repairs"), 0)


@cache
def needless(side: str) -> Term:
    """Repetitions proved needless, copies left out."""
    return least(most(spurious(side) - doubled(side), 0), sent_again(side))


@cache
def repeated(side: str) -> Term:
    """Segments that the sender sent again for what it took for loss, those proved needless left out.

    Only where the other side's answers are in the capture: without them nobody can tell a repetition from a copy.
    """
    return sent_again(side) - needless(side)


@cache
def repaired(side: str) -> Term:
    """Segments that were lost before the capture point: it saw the hole, and later what was sent to fill it."""
    return fill(side, "repaired")


@cache
def lost(side: str) -> Term:
    return repeated(side) + repaired(side)


@cache
def dead(side: str) -> Term:
    """Whether what this side sent last was sent again and again, and never answered."""
    in_vain = (sent_again(side) >= DEAD_REPEATS) & (of(side, "delay_most") >= DEAD_AFTER)
    silent = (of(OTHER[side], "packets") > 0) & flag(OTHER[side], "rst").equals(0)
    return is_tcp & (of(side, "outstanding") > 0) & in_vain & silent


@cache
def segments(side: str) -> Term:
    """Segments with data, at least: as many as the payload fills, or as were pushed."""
    payload, largest = of(side, "payload_bytes"), of(side, "largest")
    full = (payload + most(largest - 1, 0)) // largest
    return least(most(full, least(flag(side, "psh"), payload)), of(side, "packets"))
