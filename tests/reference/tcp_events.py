"""The rows of the table tcp_events from the twins of the TCP analysis and of our own measures, in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.reference.frame import TCP, Header, Packet
from tests.reference.streams import Flows
from tests.reference.tcp import FAST_NS, REORDER_NS, Conversation
from tests.reference.tcp_capture import segment_of
from tests.reference.tcp_measures import Conversation as Measures
from tests.reference.tcp_measures_state import SYN, Repair, Retransmission
from tests.reference.tcp_measures_state import Segment as Measured
from tests.reference.tcp_segments import RST, WORD, Mark, Segment, Side, Verdict, after

Row = dict[str, Any]
REPEATS = (
    *("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "seen_twice"),
    "syn_retry",
)
TIMED = ("retransmission", "fast_retransmission", "out_of_order")
ANSWERS = (
    *("fast_retransmission", "spurious_retransmission", "zero_window_probe", "zero_window_probe_ack"),
    *("window_full", "keep_alive_ack"),
)


@dataclass(slots=True)
class Frames:
    """Of one side: its last segment, the first with its last ACK number, the one that reached its highest number."""

    last: int | None = None
    ack: int | None = None
    top: int | None = None


@dataclass(slots=True)
class Stream:
    """One stream in both twins."""

    judged: Conversation
    measures: Measures = field(default_factory=Measures)
    frames: dict[bool, Frames] = field(default_factory=lambda: {True: Frames(), False: Frames()})


@dataclass(slots=True)
class Why:
    """What was so before the segment, and what the measures found of it."""

    expected: int
    contiguous: int
    ack_time: int
    last_ack: int
    next_time: int
    initial_rtt: int
    again: Retransmission | None = None
    twice: bool = False
    repair: Repair | None = None
    gap: tuple[int, int] | None = None
    proofs: list[tuple[str, int]] = field(default_factory=list)


class Events:
    """Events over packets in the order of the file."""

    def __init__(self) -> None:
        self.flows = Flows()
        self.streams: dict[int, Stream] = {}
        self.keys: set[frozenset[tuple[int, bytes, int]]] = set()

    def add(self, frame: int, time: int | None, packet: Packet) -> list[Row]:
        """The events of the packet's own segment."""
        flow = self.flows.row(packet)
        for header in packet.headers:
            if header.own and header.protocol == TCP and flow.stream is not None:
                stream = self._stream(flow.stream, header)
                if flow.flow_id is not None and header.analysed and header.length is not None:
                    about = {"flow_id": flow.flow_id, "stream": flow.stream, "from_client": flow.from_client}
                    told = rows(stream, frame, time or 0, header, packet, bool(flow.from_client))
                    return [about | row for row in told]
        return []

    def _stream(self, number: int, header: Header) -> Stream:
        if number not in self.streams:
            ends = ((header.ip_version, header.src, header.src_port), (header.ip_version, header.dst, header.dst_port))
            self.streams[number] = Stream(Conversation(reused=frozenset(ends) in self.keys))
            self.keys.add(frozenset(ends))
        return self.streams[number]


def rows(stream: Stream, frame: int, time: int, header: Header, packet: Packet, from_client: bool) -> Iterator[Row]:
    """Judge a segment, measure it, and tell what was found."""
    segment = segment_of(frame, time, header)
    own, peer = stream.judged.sides[from_client], stream.judged.sides[not from_client]
    before = (own.next_seq, own.next_time, own.last_ack)
    expected = own.contiguous if segment.opens else own.next_seq
    why = Why(expected, peer.contiguous, peer.ack_time, peer.last_ack, own.next_time, stream.judged.initial_rtt)
    _measure(stream.measures, segment, packet, from_client, why)
    verdict = stream.judged.add(from_client, segment)
    frames, answered = stream.frames[from_client], stream.frames[not from_client]
    for event in _names(verdict, segment, why):
        yield _row(event, segment, verdict, why, frames, answered)
    for event, needless in why.proofs:
        yield {"frame_number": frame, "event": event, "needless_frame": needless, "acks_frame": verdict.acks_frame}
    _remember(frames, own, frame, before)


def _names(verdict: Verdict, segment: Segment, why: Why) -> Iterator[str]:
    yield from (mark.name or "" for mark in Mark if mark in verdict.marks and mark < Mark.seen_twice)
    if why.twice:
        yield "seen_twice"
    yield from (mark.name or "" for mark in Mark if mark in verdict.marks and mark > Mark.seen_twice)
    if why.again is not None and segment.flags & SYN:
        yield "syn_retry"
    if segment.flags & RST:
        yield "reset"
    if why.gap is not None:
        yield "gap"


def _row(event: str, segment: Segment, verdict: Verdict, why: Why, frames: Frames, answered: Frames) -> Row:
    row: Row = {
        "frame_number": segment.frame,
        "event": event,
        "acks_frame": verdict.acks_frame,
        "expected": why.expected or None,
        "found": segment.seq,
    }
    if event == "ack_lost_segment":
        row |= {"expected": why.contiguous, "found": segment.ack}
    elif event == "window_full":
        row |= {"expected": segment.end, "found": segment.end}
    elif event == "spurious_retransmission":
        row["expected"] = why.last_ack
    elif event == "gap" and why.gap is not None:
        row |= {"expected": why.gap[0], "found": why.gap[1]}
    elif event == "duplicate_ack":
        row |= {"repeats_frame": frames.ack, "duplicate_number": verdict.duplicate_number}
    if event in REPEATS and why.again is not None:
        row |= {"repeats_frame": why.again.original, "delay": why.again.delay_ns, "cause": why.again.cause}
    if event in REPEATS and why.repair is not None:
        row["fill"] = why.repair.kind
    if event in ANSWERS:
        row["answers_frame"] = answered.last
    if event in TIMED and Mark.spurious_retransmission not in verdict.marks:
        row |= _times(segment, verdict, why, frames, answered)
    return row


def _times(segment: Segment, verdict: Verdict, why: Why, frames: Frames, answered: Frames) -> Row:
    if Mark.fast_retransmission in verdict.marks:
        return {"threshold": FAST_NS, "since": segment.time - why.ack_time, "since_frame": answered.last}
    threshold = why.initial_rtt or REORDER_NS
    return {"threshold": threshold, "since": segment.time - why.next_time, "since_frame": frames.top}


def _measure(measures: Measures, segment: Segment, packet: Packet, from_client: bool, why: Why) -> None:
    """Take the segment into the measures; what they found goes to `why`."""
    own, other = measures.sides if from_client else measures.sides[::-1]
    again, repairs, twice = len(own.retransmissions), len(own.repairs), own.seen_twice_segments
    high = own.coverage.high if own.coverage else None
    measures.read(measured(segment, packet, from_client))
    if len(own.retransmissions) > again:
        why.again, why.twice = own.retransmissions[-1], own.seen_twice_segments > twice
    if len(own.repairs) > repairs:
        why.repair = own.repairs[-1]
    if own.coverage and own.coverage.holes and own.coverage.holes[-1].begin == high:
        why.gap = high % WORD, own.coverage.holes[-1].end % WORD
    repeated = [one for one in other.recent if isinstance(one, Retransmission)]
    why.proofs = [("spurious_dsack", one.frame) for one in repeated if one.dsack_by == segment.frame]
    why.proofs += [("spurious_timestamps", one.frame) for one in repeated if one.echo_by == segment.frame]


def measured(segment: Segment, packet: Packet, from_client: bool) -> Measured:
    """The segment as the measures read it."""
    return Measured(
        frame=segment.frame,
        ns=segment.time,
        direction=0 if from_client else 1,
        seq=segment.seq,
        ack=segment.ack,
        flags=segment.flags,
        payload=segment.length,
        window=segment.window,
        mss=packet.tcp_mss,
        scale=segment.scale,
        sack_permitted=4 in packet.tcp_option_kinds,
        cut=packet.tcp_options_cut,
        sack=segment.sack,
        timestamps=packet.tcp_timestamps,
    )


def _remember(frames: Frames, own: Side, frame: int, before: tuple[int, int, int]) -> None:
    """What a later event may speak of."""
    next_seq, next_time, last_ack = before
    if own.next_time != next_time or (after(own.next_seq, next_seq) if next_seq else own.next_seq != 0):
        frames.top = frame
    if own.last_ack != last_ack or frames.ack is None:
        frames.ack = frame
    frames.last = frame
