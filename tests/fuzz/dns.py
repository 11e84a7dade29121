"""DNS between two hosts, any bytes as messages or as segments of a stream; on one thread and on two the same.

An input is a run of packets: two bytes of length and kind, then so many bytes of payload. Of UDP and TCP, both ways,
cut by the snap length or not. What is read of them is compared with the slow twin.
"""

from hashlib import sha256
from typing import Any

import numpy as np

from pcap_analyzer._native.dns_table import DnsReader, dns_row_layout
from pcap_analyzer._native.scan import Scanner
from tests.fuzz.dns_input import unpacked
from tests.reference.dns import Dns, transactions
from tests.reference.dns_strategies import capture

ROW = np.dtype(dns_row_layout())
SEED = sha256(b"questions are told apart by keyed hashes").digest()
HEADER = 24  # bytes of a pcap file


def one(data: bytes) -> None:
    file = capture(unpacked(data))
    told = scanned(file, threads=1, batch_rows=512)
    assert scanned(file, threads=2, batch_rows=1) == told
    assert told[:3] == expected(transactions(file))


def scanned(file: bytes, *, threads: int, batch_rows: int) -> tuple[Any, ...]:
    """Frames of all messages, two counts, then the sums."""
    scanner = Scanner(threads=threads, batch_rows=batch_rows, seed=SEED)
    scanner.begin_pcap(
        big_endian=False, tick_ns=1, record_header=16, swapped_lengths=0, snap_length=262144, link_type=1
    )
    view = np.frombuffer(file, np.uint8)[HEADER:].copy()
    scanner.walk(view, HEADER, True)
    scanner.run()
    scanner.release()
    reader, frames = DnsReader(scanner), []
    source = reader.rows()
    while rows := source.read(7)[0]:
        frames += [(int(row["frame"]), int(row["response_frame"])) for row in np.frombuffer(rows, ROW)]
    counts = reader.counts()
    sums = reader.summary(seed=SEED, end_ns=None, open_ns=0, resolvers=9, domains=9)
    return sorted(frames), counts["not_dns"], counts["unmeasured"], sums


def expected(twin: Dns) -> tuple[Any, ...]:
    frames = [(one.frame, one.response_frame or 0) for one in twin.transactions.all]
    return sorted(frames), twin.not_dns, twin.unmeasured
