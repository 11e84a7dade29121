"""What an adversarial case is made of, and segments to make one from."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from benchmarks import frames as f
from benchmarks.records import Batch, Frame, Int64, Interface, Patch

PACKETS_A_BATCH = 16_384
FLOW_LENGTH = 100_000  # packets of one endless connection
GAP_NS = 1_000
CLIENTS_FROM = 10 << 24

Fill = Callable[[Int64, np.random.Generator], tuple[Int64, list[Patch]]]


class Case(NamedTuple):
    """flows: TCP and UDP streams in the first n packets, None where nobody wants to count them.

    fill: (n,) numbers of packets → (n,) frames of the pool, patches.  wild_time: times jump about.
    """

    frames: list[Frame]
    fill: Fill
    flows: Callable[[int], tuple[int, int]] | None
    interfaces: tuple[Interface, ...] = (Interface(),)
    wild_time: bool = False


def case_batches(case: Case, packets: int, start_ns: int, seed: int) -> Iterator[Batch]:
    """`packets` packets, a microsecond apart."""
    rng = np.random.default_rng(seed)
    for begin in range(0, packets, PACKETS_A_BATCH):
        number = np.arange(begin, min(begin + PACKETS_A_BATCH, packets))
        frame, patches = case.fill(number, rng)
        time_ns = start_ns + number * GAP_NS
        if case.wild_time:
            time_ns = rng.integers(0, 1 << 32, len(number)) * 1_000_000_000
        yield Batch(frame, time_ns, patches)


def one_each(length: int) -> Callable[[int], tuple[int, int]]:
    """Every `length` packets are one TCP stream."""
    return lambda packets: (-(-packets // length), 0)


def address(server: int) -> bytes:
    """The case's own server."""
    return bytes([198, 18, server, 1])


def segment(
    server: int,
    payload: bytes = b"",
    *,
    seq: int = 0,
    ack: int = 1,
    flags: int = f.ACK,
    from_client: bool = True,
    window: int = 65535,
    options: bytes = b"",
) -> Frame:
    """A segment between port 40000 of the client and port 443 of the case's server."""
    ports, ends = (40000, 443), (f.DEFAULT_SOURCE, address(server))
    if not from_client:
        ports, ends = ports[::-1], ends[::-1]
    acked = ack if flags & f.ACK else 0
    data = f.tcp(
        payload,
        source_port=ports[0],
        destination_port=ports[1],
        seq=seq,
        ack=acked,
        flags=flags,
        window=window,
        options=options,
    )
    return Frame(f.ethernet(f.ipv4(data, f.TCP, source=ends[0], destination=ends[1]), from_client=from_client))


def handshake(server: int) -> list[Frame]:
    """The three segments that open a connection; data begins at sequence number 1 on both sides."""
    opening = segment(server, flags=f.SYN)
    return [opening, segment(server, flags=f.SYN | f.ACK, from_client=False), segment(server, seq=1)]


def own_port(flow: Int64, frame: Int64, from_server: tuple[int, ...]) -> list[Patch]:
    """The client's port for each flow, wherever the frame has it; every 60,000 flows the client's address too."""
    at_server = np.isin(frame, from_server)
    port = 1024 + flow % 60_000
    client = CLIENTS_FROM + 1 + flow // 60_000
    return [
        Patch(np.where(at_server, f.DESTINATION_PORT_AT, f.SOURCE_PORT_AT), port, 2),
        Patch(np.where(at_server, f.DESTINATION_AT, f.SOURCE_AT), client),
    ]


def data_seq(step: Int64, seq: Int64) -> Patch:
    """Sequence numbers of all but the three packets of the handshake."""
    rows = np.flatnonzero(step >= 3)
    return Patch(f.SEQ_AT, seq[rows], rows=rows)


def ip_id(number: Int64) -> Patch:
    """Another IP identification for every packet, so that none is a copy of another."""
    return Patch(f.IP_ID_AT, number, 2)
