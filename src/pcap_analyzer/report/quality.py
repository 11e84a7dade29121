"""Can this capture be trusted? The counts, and each that matters as a plain sentence, worst first.

It gates the confidence in everything after it, so it stands first on the page and in the terminal.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import asdict, replace

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.analysis.silences import DAY_NS, silences
from pcap_analyzer.findings.doubts import doubts_of
from pcap_analyzer.report.model import QualitySummary, Remark
from pcap_analyzer.report.text import plain
from pcap_analyzer.report.words import count, duration, moment, plural, share, size

MAX_PARTS = 30
NAMED_PARTS = 5
LONGEST_PACKET = 65_535
ORDER = {"problem": 0, "caution": 1, "note": 2}


def quality_section(analysis: Analysis) -> QualitySummary:
    """Counts as they are, and the remarks that they give rise to."""
    quality, damage = analysis.quality, analysis.quality.damage
    remarks = [remark for check in CHECKS if (remark := check(analysis)) is not None]
    cleaned = {
        "damage": None if damage is None else replace(damage, reason=plain(damage.reason)),
        "unsupported_parts": [
            replace(part, name=plain(part.name, 100)) for part in quality.unsupported_parts[:MAX_PARTS]
        ],
    }
    return QualitySummary(
        **asdict(quality) | cleaned,
        remarks=sorted(remarks, key=lambda remark: ORDER[remark.level]),
        marks_exact=analysis.marks_exact,
        evicted_flows=analysis.evicted_flows,
    )


def _damage(analysis: Analysis) -> Remark | None:
    damage = analysis.quality.damage
    if damage is None:
        return None
    reason = plain(damage.reason).rstrip(".")
    text = f"The file is damaged at byte {count(damage.offset)}: {reason}. All packets before it are in this report."
    return Remark(code="damage", level="problem", text=text)


def _dropped(analysis: Analysis) -> Remark | None:
    dropped = analysis.quality.dropped
    if not dropped:
        return None
    seen = dropped + analysis.capture.packets
    few = 1_000 * dropped < seen
    text = (
        f"The capturing side lost {plural(dropped, 'packet')} ({share(dropped, seen)} of those it saw): "
        "what looks like loss on the network may be loss at the capture."
    )
    return Remark(code="dropped", level="caution" if few else "problem", text=text)


def _skipped(analysis: Analysis) -> Remark | None:
    skipped = analysis.quality.skipped_bytes
    if not skipped:
        return None
    text = f"{size(skipped)} of the file could not be read as records and {'was' if skipped == 1 else 'were'} skipped."
    return Remark(code="skipped", level="problem", text=text)


def _unsupported(analysis: Analysis) -> Remark | None:
    quality = analysis.quality
    if not quality.unsupported:
        return None
    names = [f"{plain(part.name, 100)} ({count(part.packets)})" for part in quality.unsupported_parts[:NAMED_PARTS]]
    more = len(quality.unsupported_parts) - len(names)
    named = f": {', '.join(names)}{f' and {more} more' if more else ''}" if names else ""
    text = (
        f"{_packets(quality.unsupported, analysis)} {_use(quality.unsupported)} a protocol that is not read{named}. "
        "They count in sizes and times, but not in flows."
    )
    return Remark(code="unsupported", level="caution", text=text)


def _malformed(analysis: Analysis) -> Remark | None:
    malformed = analysis.quality.malformed
    if not malformed:
        return None
    text = (
        f"{_packets(malformed, analysis)} {_have(malformed)} a header that contradicts itself or the packet's length."
    )
    return Remark(code="malformed", level="caution", text=text, display_filter="_ws.malformed")


def _truncated(analysis: Analysis) -> Remark | None:
    truncated = analysis.quality.truncated
    if not truncated:
        return None
    text = (
        f"In {_packets(truncated, analysis)} even a header is cut off: "
        "addresses, ports, TCP numbers or options may be missing there."
    )
    return Remark(code="truncated", level="caution", text=text, display_filter="frame.cap_len < frame.len")


def _cut(analysis: Analysis) -> Remark | None:
    cut = analysis.quality.cut_packets
    if not cut:
        return None
    snap = analysis.quality.snap_length
    # A limit that no packet reaches has cut none: somebody did it later.
    to = f", at {plural(snap, 'byte')} a packet," if snap and snap < LONGEST_PACKET else ""
    text = (
        f"{_packets(cut, analysis)} {_was(cut)} cut{to} when captured. Sizes and rates here use the original "
        "lengths, so they stay right; contents beyond the cut are unknown."
    )
    return Remark(code="cut", level="note", text=text, display_filter="frame.cap_len < frame.len")


def _backward(analysis: Analysis) -> Remark | None:
    backward = analysis.quality.backward_time
    if not backward:
        return None
    text = (
        f"{_packets(backward, analysis)} {_is(backward)} earlier than the one before: the clock stepped, or "
        "several interfaces were merged. Times between neighbouring packets are unreliable there."
    )
    return Remark(code="backward", level="caution", text=text, display_filter="frame.time_delta < 0")


def _without_time(analysis: Analysis) -> Remark | None:
    without = analysis.quality.without_time
    if not without:
        return None
    text = f"{_packets(without, analysis)} {_have(without)} no time in the file and no place in pictures over time."
    return Remark(code="without-time", level="caution", text=text)


def _silent(analysis: Analysis) -> Remark | None:
    found = silences(analysis.intervals)
    if not found:
        return None
    longest = max(found, key=lambda silence: silence.end_ns - silence.start_ns)
    spans = [silence.end_ns - silence.start_ns for silence in found]
    days = duration(max(spans) // DAY_NS * DAY_NS)
    whole = analysis.intervals.width_ns * len(analysis.intervals.packets)
    more = f", and {plural(len(found) - 1, 'other silence')} of days" if len(found) > 1 else ""
    text = (
        f"{share(sum(spans), whole)} of the time is silent: no packet for {days} from "
        f"{moment(longest.start_ns)[:10]} on{more}. A clock was set while capturing, or several captures were joined; "
        "duration and mean rates count the silence, graphs leave it out."
    )
    return Remark(code="silent", level="caution", text=text)


def _one_sided(analysis: Analysis) -> Remark | None:
    one, two = analysis.quality.one_sided_flows, analysis.quality.two_sided_flows
    if not one:
        return None
    flows = one + two
    # A scan or unanswered queries make some; when it is the rule, the capture point sees half of the traffic.
    rule = 2 * one > flows >= 10
    text = (
        f"{plural(one, 'flow')} of {count(flows)} ({share(one, flows)}) {_have(one)} packets in one direction only"
        + (": this point of the network seems to see half of the traffic." if rule else ".")
    )
    return Remark(code="one-sided", level="caution" if rule else "note", text=text)


def _fragments(analysis: Analysis) -> Remark | None:
    fragments = analysis.quality.fragments
    if not fragments:
        return None
    text = f"{_packets(fragments, analysis)} {_is(fragments)} part of a fragmented one; later fragments carry no ports."
    return Remark(
        code="fragments",
        level="note",
        text=text,
        display_filter="ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr.nxt",
    )


def _evicted(analysis: Analysis) -> Remark | None:
    if analysis.marks_exact and not analysis.evicted_flows:
        return None
    text = (
        f"More flows were alive at once than are held in memory: {plural(analysis.evicted_flows, 'flow')} "
        f"{_was(analysis.evicted_flows)} set aside in between, so some TCP judgements are less exact."
    )
    return Remark(code="evicted", level="caution", text=text)


def _super_frames(analysis: Analysis) -> Remark | None:
    doubts = doubts_of(analysis)
    if not doubts.long_flows:
        return None
    text = (
        f"Segments of up to {plural(doubts.longest, 'byte')} are longer than their receiver takes: they were captured "
        "before the network card cut them, or after it joined them (TSO, GRO). Packets are counted as the host saw "
        "them; on the wire there were more."
    )
    return Remark(code="super-frames", level="note", text=text)


def _stepped(analysis: Analysis) -> Remark | None:
    doubts = doubts_of(analysis)
    if not doubts.step_flows:
        return None
    text = (
        f"From one packet on, {plural(doubts.step_flows, 'flow')} {_is(doubts.step_flows)} later by up to "
        f"{duration(doubts.step_ns)} than the senders' own clocks say: the clock was set forward while capturing. "
        "Times across that moment are too long."
    )
    return Remark(code="stepped", level="caution", text=text)


def _doubled(analysis: Analysis) -> Remark | None:
    doubts = doubts_of(analysis)
    if not doubts.doubled:
        return None
    text = (
        f"{100 * doubts.doubled:.0f} % of the data of TCP is there twice: a mirror port (SPAN) shows packets as they "
        "come in and as they go out. Rates and sizes here count both."
    )
    return Remark(code="doubled", level="caution", text=text)


def _midstream(analysis: Analysis) -> Remark | None:
    doubts = doubts_of(analysis)
    if not doubts.midstream:
        return None
    text = (
        f"{plural(doubts.midstream, 'TCP flow')} of {count(doubts.flows)} had begun before the capture: what their "
        "handshakes agreed on is unknown, so their windows and limits are less sure."
    )
    few = 10 * doubts.midstream < doubts.flows
    return Remark(code="midstream", level="note" if few else "caution", text=text)


def _unknown_drops(analysis: Analysis) -> Remark | None:
    if analysis.quality.dropped is not None or not analysis.capture.packets:
        return None
    text = "The file does not say whether packets were lost while capturing."
    return Remark(code="dropped", level="note", text=text)


CHECKS: list[Callable[[Analysis], Remark | None]] = [
    _damage,
    _dropped,
    _skipped,
    _malformed,
    _truncated,
    _unsupported,
    _backward,
    _without_time,
    _silent,
    _stepped,
    _evicted,
    _doubled,
    _cut,
    _super_frames,
    _one_sided,
    _midstream,
    _fragments,
    _unknown_drops,
]


def _packets(number: int, analysis: Analysis) -> str:
    return f"{plural(number, 'packet')} ({share(number, analysis.capture.packets)})"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _use(number: int) -> str:
    return "uses" if number == 1 else "use"
