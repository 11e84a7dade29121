"""DNS between two hosts, any bytes as messages or as segments of a stream; on one thread and on two the same.

An input is a run of packets: two bytes of length and kind, then so many bytes of payload. Of UDP and TCP, both ways,
cut by the snap length or not. What is read of them is compared with the slow twin.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import numpy as np

from pcap_analyzer._native.dns_table import DnsReader, dns_row_layout
from pcap_analyzer._native.scan import Scanner
from tests.reference.dns import Dns, transactions
from tests.reference.dns_strategies import Sent, capture

ROW = np.dtype(dns_row_layout())
REPLY, TCP, CUT, SYN = 0x8000, 0x4000, 0x2000, 0x1000
LENGTH = 0x0FFF
SEED = sha256(b"questions are told apart by keyed hashes").digest()
HEADER = 24  # bytes of a pcap file
FIRST, KEPT = 1000, 20


def packed(packets: Iterable[Sent]) -> bytes:
    """Packets as an input; what it cannot say is left out."""
    parts = []
    for sent in packets:
        kind = REPLY * sent.reply | TCP * (sent.seq is not None) | CUT * (sent.kept is not None)
        kind |= SYN * (sent.seq is not None and bool(sent.flags & 2))
        parts.append((kind | len(sent.payload) & LENGTH).to_bytes(2) + sent.payload[:LENGTH])
    return b"".join(parts)


def unpacked(data: bytes) -> list[Sent]:
    """The packets of an input; those over TCP follow each other."""
    packets, at, sent_bytes = [], 0, [0, 0]
    while at + 2 <= len(data):
        kind = int.from_bytes(data[at : at + 2])
        payload = data[at + 2 : at + 2 + (kind & LENGTH)]
        at += 2 + len(payload)
        reply, seq = bool(kind & REPLY), None
        if kind & TCP:
            seq = FIRST + sent_bytes[reply] - bool(kind & SYN)
            sent_bytes[reply] += len(payload)
        flags = 2 if kind & SYN else 0x18
        packets.append(Sent(1, reply, payload, seq=seq, flags=flags, kept=KEPT if kind & CUT else None))
    return packets


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
