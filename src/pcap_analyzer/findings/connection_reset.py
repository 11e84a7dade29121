"""Connection reset: established connections with data that one side cut off instead of ending them.

A reset behind a FIN only sweeps up, as browsers and load balancers do; it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcap_analyzer.analysis.watches import Tally, column
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
has_data = (column("client_payload_bytes") + column("server_payload_bytes")) > 0


def judge(case: Case) -> Iterator[Finding]:
    every = case.tally(f"{NAME}.established").flows
    for side in SIDES:
        flows = case.tally(f"{NAME}.{side}")
        if flows.flows < RESET_LEAST or flows.flows < RESET_SHARE * every:
            continue
        share = flows.flows / every
        who = (
            "The program on the client gave up or was ended: a time-out, an error, an impatient user."
            if side == "client"
            else "The server, or something in front of it that speaks in its name, cut the connection: the program "
            "failed, closed with data unread, or a time-out for idle connections was reached."
        )
        yield make(
            case,
            NAME,
            "connections",
            direction=DIRECTIONS[side],
            measure=Measure("reset_connections", flows.flows, "flows"),
            harm=harm_of(share, RESET_HARM) * (0.8 if side == "client" else 1.0) * (0.4 + 0.6 * sure(flows.flows)),
            confidence=0.6 + 0.4 * sure(flows.flows),
            words=Words(
                title=f"The {side} reset {counted(flows.flows, 'connection')} in the middle ({percent(share)} of those "
                "established).",
                cause=who,
                remedy="Read the log of the program on that side at these times; if it knows nothing of it, compare "
                "the TTL of the reset with that of other packets: a middlebox may have sent it.",
                source="RFC 9293 section 3.10.7.4; Zeek conn_state RSTO, RSTR",
            ),
            told=[flows],
            evidence=last_frames(flows.worst, "the reset, or what followed it"),
            filter=stream_filter(flows.worst, "tcp.flags.reset == 1"),
        )


RULE = Rule(
    questions={
        f"{NAME}.established": Tally(where=established, score=terms.one, keep=0),
        **{
            f"{NAME}.{side}": Tally(
                where=terms.is_tcp & terms.state(STATES[side]) & no_fin & has_data,
                score=terms.whole_bytes,
                sums={"bytes": terms.whole_bytes},
            )
            for side in SIDES
        },
    },
    judge=judge,
)
