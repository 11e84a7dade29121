"""What flows say about the capture itself: frames that never were on the wire, a clock that was set, all seen twice.

Asked with the findings' questions, told in the report's capture quality, and weighed in trust.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.analysis.watches import Answers, Tally, most
from pcap_analyzer.findings import terms
from pcap_analyzer.findings.terms import OTHER, SIDES
from pcap_analyzer.findings.thresholds import DOUBLED_SHARE, QUEUE_SAMPLES, STEP_LEAST, STEP_STAYS


class Doubts(msgspec.Struct, frozen=True):
    """Zeros where there is nothing to doubt, or nobody asked."""

    long_flows: int = 0
    """TCP directions with segments that are longer than the other side takes."""
    longest: int = 0
    """Payload of the longest of them, bytes."""
    step_flows: int = 0
    """TCP directions whose segments came later than their sender's clock says, from one on."""
    step_ns: int = 0
    """The largest of such steps."""
    doubled: float = 0.0
    """Of the payload of TCP: what the network or the capture doubled."""
    midstream: int = 0
    """TCP flows that had begun before the capture."""
    flows: int = 0
    """All TCP flows."""


def _questions(side: str) -> Mapping[str, Tally]:
    takes, largest = terms.of(OTHER[side], "mss"), terms.of(side, "largest")
    jump, climb = terms.of(side, "late_jump"), terms.of(side, "late_climb")
    stays = (climb * 100 >= jump * int(100 * STEP_STAYS)) & (jump * 100 >= climb * int(100 * STEP_STAYS))
    stepped = (terms.of(side, "late_samples") >= QUEUE_SAMPLES) & (jump >= STEP_LEAST) & stays
    twice = terms.doubled(side)
    copied = terms.of(side, "again_bytes") * twice // most(terms.mark(side, "seen_twice"), 1)
    sums = {"copied": copied, "payload": terms.of(side, "payload_bytes")}
    return {
        f"doubts.long.{side}": Tally(where=terms.is_tcp & (takes > 0) & (largest > takes), score=largest, keep=1),
        f"doubts.step.{side}": Tally(where=terms.is_tcp & stepped, score=jump, keep=1),
        f"doubts.twice.{side}": Tally(where=terms.is_tcp, score=twice, sums=sums, keep=0),
    }


begun = terms.is_tcp & terms.flag("client", "syn").equals(0) & terms.flag("server", "syn").equals(0)
QUESTIONS = {name: question for side in SIDES for name, question in _questions(side).items()}
QUESTIONS["doubts.midstream"] = Tally(where=begun, score=terms.one, keep=0)


def doubts_of(analysis: Analysis) -> Doubts:
    """From the answers of a finished analysis."""
    if analysis.answers is None:
        return Doubts()
    long_flows, longest = _counted(analysis.answers, "long")
    step_flows, step_ns = _counted(analysis.answers, "step")
    twice = [analysis.answers.tally(f"doubts.twice.{side}").sums for side in SIDES]
    copied, payload = (sum(one[name] for one in twice) for name in ("copied", "payload"))
    doubled = copied / payload if payload else 0.0
    return Doubts(
        *(long_flows, longest, step_flows, step_ns),
        doubled=doubled if doubled >= DOUBLED_SHARE else 0.0,
        midstream=analysis.answers.tally("doubts.midstream").flows,
        flows=analysis.totals.tcp,
    )


def _counted(answers: Answers, what: str) -> tuple[int, int]:
    """How many directions, and the highest score among them."""
    told = [answers.tally(f"doubts.{what}.{side}") for side in SIDES]
    return sum(one.flows for one in told), max((row["score"] for one in told for row in one.worst), default=0)
