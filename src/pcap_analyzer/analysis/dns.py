"""What the scan found of DNS: its transactions as a table, and its figures per resolver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pcap_analyzer._native.dns_table import DnsReader
from pcap_analyzer._native.scan import Scanner

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BATCH = 65536


class DnsTable:
    """All DNS transactions of a capture, to be read as often as one likes; memory is held for one batch at a time.

    end_ns: time of the capture's last packet; None: no packet has one.
    """

    def __init__(self, reader: DnsReader, end_ns: int | None) -> None:
        self._reader = reader
        self.end_ns = end_ns

    @property
    def counts(self) -> dict[str, int]:
        """Messages by what became of them: messages, not_dns, cut, fragments, unmeasured, given_up."""
        return self._reader.counts()

    def read(self, batch_size: int) -> Iterator[tuple[bytearray, bytearray, bytes]]:
        """Batches in order of frame_number: at most `batch_size` dns_row_t, where each name ends, the names' text."""
        source = self._reader.rows()
        while True:
            rows, ends, texts = source.read(batch_size)
            if not rows:
                return
            yield rows, ends, texts

    def batches(self, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
        """The table `dns`, or those of its columns asked for; see Analysis.dns."""
        from pcap_analyzer.analysis.dns_columns import dns_batches  # noqa: PLC0415 - pyarrow takes 0.3 s

        if not 1 <= batch_size <= MAX_BATCH:
            raise ValueError(f"batch_size is {batch_size}, expected 1 to {MAX_BATCH}")
        return dns_batches(self, None if columns is None else tuple(columns), batch_size)


def dns_table(scanner: Scanner) -> DnsTable:
    """Of a scan that is over. Raises OSError where its temporary file cannot be written or read."""
    return DnsTable(DnsReader(scanner), scanner.counters()["last_ns"])
