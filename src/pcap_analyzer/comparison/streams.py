"""Stream numbers where tshark splits one conversation into two: all later numbers are shifted, and mean the same."""
from __future__ import annotations

from bisect import bisect_left

from pcap_analyzer.comparison.layers import TsharkPacket

# Dissectors that open a conversation of their own for endpoints that already have one.
SPLITTING = {
    "snmp": "tshark opens a second stream for SNMP",
    "fr": "tshark opens a stream for each Frame Relay circuit",
}


class StreamNumbers:
    """The streams that only tshark has, so far; of one protocol, in order of frames."""

    def __init__(self) -> None:
        self._ours = -1  # highest numbers seen so far
        self._theirs = -1
        self._extra: list[int] = []  # tshark's numbers of split streams, ascending
        self._same: dict[int, int] = {}  # each of them → our number of the same stream
        self._reason: str | None = None

    def observe(self, packet: TsharkPacket, ours: int | None, theirs: int | None) -> str | None:
        """Take note of one packet; the reason when its numbers differ by splits alone, None for any other outcome."""
        if ours is None or theirs is None:
            return None
        self._note_split(packet, ours, theirs)
        self._ours, self._theirs = max(self._ours, ours), max(self._theirs, theirs)
        if not self._extra or ours == theirs:
            return None
        same = self._same.get(theirs, theirs - bisect_left(self._extra, theirs))
        return self._reason if ours == same else None

    def _note_split(self, packet: TsharkPacket, ours: int, theirs: int) -> None:
        """A number that is new to tshark and known to us is a split, if the layers explain one."""
        if theirs <= self._theirs or ours > self._ours:
            return
        reasons = [SPLITTING[name] for name in packet.layers if name in SPLITTING]
        if reasons:
            self._extra.append(theirs)
            self._same[theirs] = ours
            self._reason = reasons[0]
