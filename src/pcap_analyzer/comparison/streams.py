"""Stream numbers that differ from tshark's by a shift: the same packets form the same streams.

Some of tshark's application dissectors open conversations of their own, which take numbers that no flow of ours has.
All later numbers are then shifted. Which packets belong together is still compared exactly.
"""

from __future__ import annotations

from bisect import bisect_left

from pcap_analyzer.comparison.layers import TsharkPacket

# Layers that open a second conversation between endpoints that already have one.
SPLITTING = {
    "rtp": "tshark opens a second stream for announced media",
    "rtcp": "tshark opens a second stream for announced media",
}
SAME_STREAMS = frozenset(SPLITTING.values())


class StreamNumbers:
    """The numbers that only tshark has, so far; of one protocol, in order of frames."""

    def __init__(self) -> None:
        self._ours = -1  # highest numbers seen so far
        self._theirs = -1
        self._extra: list[int] = []  # tshark's numbers without a counterpart, ascending
        self._same: dict[int, int] = {}  # those of split streams → our number
        self._reason: str | None = None

    def observe(self, packet: TsharkPacket, ours: int | None, theirs: int | None) -> str | None:
        """Take note of one packet; the reason when its numbers differ by a shift alone, None for any other outcome."""
        if ours is None or theirs is None:
            return None
        self._note_split(packet, ours, theirs)
        self._ours, self._theirs = max(self._ours, ours), max(self._theirs, theirs)
        if not self._extra or ours == theirs:
            return None
        same = self._same.get(theirs, theirs - bisect_left(self._extra, theirs))
        return self._reason if ours == same else None

    def _note_split(self, packet: TsharkPacket, ours: int, theirs: int) -> None:
        """A number that is new to tshark and known to us is a split, if a layer explains one."""
        reason = _first(SPLITTING, packet)
        if reason and theirs > self._theirs and ours <= self._ours:
            self._extra.append(theirs)
            self._same[theirs] = ours
            self._reason = reason


def _first(reasons: dict[str, str], packet: TsharkPacket) -> str | None:
    """The reason of the first layer that has one."""
    return next((reasons[name] for name in packet.layers if name in reasons), None)
