"""Connection reset: established connections with data that one side cut off instead of ending them.

A reset behind a FIN only sweeps up, as browsers and load balancers do; it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, Term
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.case import Case, Rule, Words, counted, last_frames, make, percent, stream_filter
from pcap_analyzer.findings.model import Finding, Measure, harm_of
from pcap_analyzer.findings.terms import DIRECTIONS, SIDES
from pcap_analyzer.findings.thresholds import RESET_HARM, RESET_LEAST, RESET_SHARE
from pcap_analyzer.findings.trust import sure

NAME = "connection_reset"
STATES = {"client": "RSTO", "server": "RSTR"}
established = terms.is_tcp & terms.state("S1", "S2", "S3", "SF", "RSTO", "RSTR")
no_fin = (terms.flag("client", "fin") + terms.flag("server", "fin")).equals(0)


def foreign_reset(side: str) -> Term:
    """Whether the reset came a different number of hops than what the side sent before."""
    own, reset = terms.of(side, "ttl"), terms.of(side, "reset_ttl")
    return (own > 0) & (reset > 0) & ~own.equals(reset)


def judge(case: Case) -> Iterator[Finding]:
    every = case.tally(f"{NAME}.established").flows
    for side in SIDES:
        flows = case.tally(f"{NAME}.{side}")
        if flows.flows < RESET_LEAST or flows.flows < RESET_SHARE * every:
            continue
        share = flows.flows / every
        foreign = 2 * flows.sums["foreign"] > flows.flows
        yield make(
            case,
            NAME,
            "connections",
            direction="both" if foreign else DIRECTIONS[side],
            measure=Measure("reset_connections", flows.flows, "connections"),
            harm=harm_of(share, RESET_HARM)
            * (1.0 if foreign or side == "server" else 0.8)
            * (0.4 + 0.6 * sure(flows.flows)),
            confidence=0.6 + 0.4 * sure(flows.flows),
            words=_words(side, flows.flows, share, foreign=foreign),
            told=[flows],
            evidence=last_frames(flows.worst, "the reset, or what followed it"),
            filter=stream_filter(flows.worst, "tcp.flags.reset == 1"),
        )


def _words(side: str, flows: int, share: float, *, foreign: bool) -> Words:
    source = "RFC 9293 section 3.10.7.4; Zeek conn_state RSTO, RSTR"
    number = counted(flows, "connection")
    if foreign:
        return Words(
            title=f"Something on the way reset {number} in the middle ({percent(share)} of those established).",
            cause=f"The resets bear the {side}'s address, but another number of hops (TTL) than its other packets: a "
            "firewall or an inspecting device sent them in its name.",
            remedy="Look for devices on the path that inspect connections, and at what their rules say about this "
            "traffic.",
            source=f"{source}; RFC 3360",
        )
    why = {
        "client": "The program on the client gave up or was ended: a time-out, an error, an impatient user.",
        "server": "The server cut the connection: its program failed, closed with data unread, or reached a time-out "
        "for idle connections.",
    }
    return Words(
        title=f"The {side} reset {number} in the middle ({percent(share)} of those established).",
        cause=why[side],
        remedy="Read the log of the program on that side at these times.",
        source=source,
    )


RULE = Rule(
    questions={
        f"{NAME}.established": Tally(where=established, score=terms.one, keep=0),
        **{
            f"{NAME}.{side}": Tally(
                where=terms.is_tcp & terms.state(STATES[side]) & no_fin & terms.has_payload,
                score=terms.whole_bytes,
                sums={"bytes": terms.whole_bytes, "foreign": foreign_reset(side)},
            )
            for side in SIDES
        },
    },
    judge=judge,
)
