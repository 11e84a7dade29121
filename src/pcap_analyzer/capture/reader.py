"""A capture file from its first byte to its last through the native scanner, and what the file says of itself.

A plain file the scanner reads by itself; of all else it is given windows. A recording of several files (recording.py)
is read file by file, each by its own header; flows, numbers and counters go on.

Opening is where errors are raised; reading on ends normally wherever the file cannot be walked further, and `damage`
says why.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pcap_analyzer._native.scan import Scanner
from pcap_analyzer.capture.damage import Damage, damage_of
from pcap_analyzer.capture.magic import LOOK_BYTES, Format, describe, detect
from pcap_analyzer.capture.pcap import PcapHeader, read_pcap_header
from pcap_analyzer.capture.pcapng import MAX_BLOCK, Notes
from pcap_analyzer.capture.source import GrowingFile, PlainSource, Source, Window
from pcap_analyzer.capture.source.joined import JoinedSource
from pcap_analyzer.errors import CaptureError

ENTROPY_BYTES = 32
AWAIT_S = 0.01
KEPT_FILES = 64  # open at once
OVERLAP_NS = 1_000_000_000  # packets of several interfaces are not written strictly in order
ENOUGH_FOR_THREE_RECORDS = 1 << 20  # bytes; Wireshark's limit of a record is a quarter of that


class ReadFile(NamedTuple):
    """A plain file of a recording that was read: what its frames are found again by (frames.py).

    descriptor: a copy, closed with the reader.  waypoints: see Scanner.  end: where the walk ended.  header: of pcap.
    """

    descriptor: int
    waypoints: bytes
    end: int
    header: PcapHeader | None


class CaptureReader:
    """Drives one scanner over one source. Takes over the source and closes it.

    threads: of the scanner.  batch_rows: rows a batch, 1 to 65,536.  flow_limit: live flows before the least recently
    seen are written to `spill_descriptor`.  dns_descriptor: where DNS transactions are written.  tcp_rows, tcp_events:
    see Scanner.  blocks: told of every pcapng block that is no packet, type and bytes, before the packets behind it.
    Raises CaptureError when the source is no capture or of an unsupported version.
    """

    def __init__(
        self,
        source: Source,
        *,
        threads: int,
        batch_rows: int,
        flow_limit: int = 1_000_000,
        spill_descriptor: int = -1,
        dns_descriptor: int = -1,
        tcp_rows: bool = False,
        tcp_events: bool = False,
        blocks: Callable[[int, bytes], None] | None = None,
    ) -> None:
        self.source = source
        self._joined = source if isinstance(source, JoinedSource) else None
        self.part = source if self._joined is None else self._joined.following() or source
        """The source, or of a recording the file that is read."""
        self.read_files: list[ReadFile] = []
        """Of a recording the files before this one, as many as may stay open."""
        self._damages: list[Damage] = []
        self._pcap_packets: dict[PcapHeader, int] = {}
        self._rows_before = 0
        self.notes = Notes()
        self.header: PcapHeader | None = None
        self.bytes_walked = 0
        self.skipped_bytes = 0
        self._blocks = blocks
        self._plain = self.part if isinstance(self.part, PlainSource) else None
        self._window = self.part.window(0)
        self.scanner = Scanner(
            threads=threads,
            batch_rows=batch_rows,
            flow_limit=flow_limit,
            spill_descriptor=spill_descriptor,
            dns_descriptor=dns_descriptor,
            seed=os.urandom(ENTROPY_BYTES),
            tcp_rows=tcp_rows,
            tcp_events=tcp_events,
        )
        try:
            self.format = self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> Format:
        """Recognise the format and set the scanner on it."""
        first = bytes(self._window.data[:LOOK_BYTES])
        kind = detect(first)
        if kind is Format.PCAP:
            self._begin_pcap()
            return kind
        if kind is Format.PCAPNG:
            self._sections_before = self.scanner.totals["sections"]
            self.scanner.begin_pcapng()
            if self._plain is not None:
                self._read_plain(self._plain, 0)
            self._walk_first_section()
            return kind
        raise CaptureError(
            f"{self.part.name} is no capture: it is {describe(first)}; expected pcap or pcapng", offset=0
        )

    def _begin_pcap(self) -> None:
        # The layout of the record headers is told from the first records, however slowly a pipe brings them.
        while len(self._window.data) < ENOUGH_FOR_THREE_RECORDS and not self._window.final:
            self._window = self.part.window(0)
        looked_at = bytes(self._window.data[:ENOUGH_FOR_THREE_RECORDS])
        header = read_pcap_header(looked_at, complete=self._window.final and len(self._window.data) == len(looked_at))
        self.scanner.begin_pcap(
            big_endian=header.big_endian,
            tick_ns=header.tick_ns,
            record_header=header.record_header,
            swapped_lengths=header.swapped_lengths,
            snap_length=header.snap_length,
            link_type=header.link_type,
            max_record=header.max_record,
        )
        self.header = header
        self.bytes_walked = header.bytes
        if self._plain is not None:
            self._read_plain(self._plain, header.bytes)
        else:
            self._window = self.part.window(header.bytes)

    def _read_plain(self, source: PlainSource, begin: int) -> None:
        """Let the scanner read the file from byte `begin` on by itself."""
        self.scanner.read_file(source.descriptor, begin, source.end)
        if isinstance(source, GrowingFile):
            self.scanner.follow_file(source.end, source.final)

    def _walk_first_section(self) -> None:
        """A pcapng file whose first section cannot be read is no capture of ours."""
        before = self._sections_before
        if self._plain is None:
            self._used = self._walk()
        else:
            while not (self.scanner.totals["sections"] > before or self.scanner.damage or self.scanner.over):
                self._turn(step=True)  # ends at the section header, before any packet
        if self.scanner.damage and self.scanner.totals["sections"] == before:
            damage = damage_of(*self.scanner.damage)
            raise CaptureError(f"{self.part.name} cannot be read: {damage.reason}", offset=damage.offset)

    _used: int | None = None
    _sections_before = 0

    def turns(self) -> Iterator[None]:
        """Handle every packet, and come back from time to time. Ends where the file, or the last one, does."""
        yield from self._turns()
        while self._begin_next():
            yield from self._turns()

    def batches(self) -> Iterator[int]:
        """Handle the packets batch by batch; the rows of each, which the scanner shows until the next."""
        yield from self._batches()
        while self._begin_next():
            yield from self._batches()

    def _begin_next(self) -> bool:
        """Go on with the next file of a recording; False behind the last. Raises CaptureError where it does not fit."""
        if self._joined is None or not self._joined.waiting:
            return False
        before, header, damage = self.part.name, self.header, self._damage_of_part
        self._keep_place()
        following = self._joined.following()
        assert following is not None
        self._check_order(before)
        if damage is not None:
            self._damages.append(damage)
        if header is not None:
            self._pcap_packets[header] = self._pcap_packets.get(header, 0) + self.scanner.rows - self._rows_before
        self._rows_before = self.scanner.rows
        self.scanner.begin_next_file()
        self.part, self.header, self._used = following, None, None
        self._plain = following if isinstance(following, PlainSource) else None
        self._window = following.window(0)
        if self._begin() is not self.format:
            raise CaptureError(
                f"{before} and {following.name} are of different formats: convert one, e.g. with editcap"
            )
        return True

    def _keep_place(self) -> None:
        """Remember where the frames of the file that was read stand."""
        if self._plain is not None and len(self.read_files) < KEPT_FILES:
            copy = os.dup(self._plain.descriptor)
            self.read_files.append(ReadFile(copy, self.scanner.waypoints(), self.bytes_walked, self.header))

    def _check_order(self, before: str) -> None:
        """Raises CaptureError where the file that comes was captured beside the one before, not behind it."""
        assert self._joined is not None
        assert self._joined.began is not None
        first, last = self._joined.began.first_ns, self.scanner.counters()["last_ns"]
        if first is not None and last is not None and first < last - OVERLAP_NS:
            raise CaptureError(
                f"{self._joined.began.name} begins {(last - first) / 1e9:.3f} s before {before} ends: they are no "
                "parts of one recording, one behind the other; merge them first, e.g. with mergecap"
            )

    def _turns(self) -> Iterator[None]:
        if self._plain is not None:
            while not self.scanner.over:
                self._turn(step=False)
                yield
            self._note_end()
            return
        for _ in self._windows():
            self.scanner.run()
            yield

    def _batches(self) -> Iterator[int]:
        if self._plain is not None:
            while not self.scanner.over:
                if rows := self._turn(step=True):
                    yield rows
            self._note_end()
            return
        for _ in self._windows():
            while rows := self.scanner.step():
                yield rows

    def _turn(self, *, step: bool) -> int:
        """Let the scanner go on in a plain file. Returns the rows of a step."""
        assert self._plain is not None
        rows, before = 0, self.scanner.rows
        if step:
            rows = self.scanner.step()
        else:
            self.scanner.run()
        for kind, _section, offset, length in self.scanner.events():
            self.notes.read(kind, memoryview(self.scanner.block(offset, min(length, MAX_BLOCK))))
            if self._blocks is not None:
                self._blocks(kind, self.scanner.block(offset, length))
        self.scanner.forget_events()
        walked, end, read, error = self.scanner.place
        self._plain.note_read(read, end=end)
        self.bytes_walked = walked
        if error:
            raise self._plain.unreadable(OSError(error, os.strerror(error)), end)
        if isinstance(self._plain, GrowingFile) and not self._plain.damage:
            self._follow(self._plain, idle=self.scanner.rows == before)
        return rows

    def _follow(self, source: GrowingFile, *, idle: bool) -> None:
        """Tell the scanner how far the file has come. idle: it had nothing to do."""
        if idle and not source.final:
            time.sleep(AWAIT_S)
        source.grow()
        self.scanner.follow_file(source.end, source.final)

    def _note_end(self) -> None:
        walked, end, _read, _error = self.scanner.place
        self.bytes_walked = walked
        self.skipped_bytes += end - walked

    def _windows(self) -> Iterator[None]:
        """Walk window after window; at each the scanner's batches are ready to be handled. Ends where the file does."""
        while True:
            used = self._walk() if self._used is None else self._used
            self._used = None
            yield
            self.scanner.release()
            final, left = self._window.final, len(self._window.data) - used
            self.bytes_walked += used
            if self.scanner.damage or (final and (left == 0 or used == 0)):
                self.skipped_bytes += left if final else left + self._rest(used + left)
                return
            self._window = self.part.window(used)

    def _rest(self, consumed: int) -> int:
        """How many bytes follow behind a place where reading ended: every one is accounted for."""
        rest = 0
        while True:
            window = self.part.window(consumed)
            consumed = len(window.data)
            rest += consumed
            if window.final:
                return rest

    def _walk(self) -> int:
        window = self._window
        used: int = self.scanner.walk(window.data, window.offset, window.final)
        for kind, _section, offset, length in self.scanner.events():
            self.notes.read(kind, window.data[offset : offset + min(length, MAX_BLOCK)])
            if self._blocks is not None:
                self._blocks(kind, bytes(window.data[offset : offset + length]))
        return used

    @property
    def window(self) -> Window:
        """What is in memory of a source that is read in windows; the batches are from there."""
        return self._window

    @property
    def damage(self) -> Damage | None:
        """What ended reading before the end of the file, or of the first file with damage; None where nothing did."""
        here = self._damage_of_part
        return self._damages[0] if self._damages else here

    @property
    def _damage_of_part(self) -> Damage | None:
        found = None
        if self.scanner.damage:
            found = damage_of(*self.scanner.damage)
        elif self.part.damage:
            found = Damage(self.bytes_walked, self.part.damage)
        if found is not None and self._joined is not None:
            return Damage(found.offset, f"{self.part.name}: {found.reason}")
        return found

    @property
    def pcap_packets(self) -> dict[PcapHeader, int]:
        """Packets by the header of the pcap file that they are from; empty for pcapng."""
        found = dict(self._pcap_packets)
        if self.header is not None:
            found[self.header] = found.get(self.header, 0) + self.scanner.rows - self._rows_before
        return found

    @property
    def variant(self) -> str:
        """The format in words."""
        if self.header is not None:
            return "; ".join(dict.fromkeys(header.words for header in self.pcap_packets))
        return f"pcapng, {'big' if self.scanner.big_endian else 'little'}-endian"

    def totals(self) -> dict[str, Any]:
        """The scanner's own counts of what it read."""
        totals: dict[str, Any] = self.scanner.totals
        return totals

    def close(self) -> None:
        """Let go of the window and the source."""
        self.scanner.release()
        self.source.close()
        while self.read_files:
            os.close(self.read_files.pop().descriptor)
