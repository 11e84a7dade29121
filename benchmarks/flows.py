"""A capture's flows: copies of model conversations, each with a client, a port and a start of its own, interleaved.

Flows are drawn window by window of virtual time, so that memory depends on the flows running at once and not on the
size of the capture. The same arguments give the same packets.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.frames import TCP
from benchmarks.models import OPTIONS, Models, frame_of
from benchmarks.records import Batch, Frame, Int64, Patch
from benchmarks.talk import Form

PACKETS_A_WINDOW = 200_000
PACKETS_A_BATCH = 16_384  # the bytes of a batch stay near the cache

# 802.1Q tag and IP version of a flow, and how many of them there are.
VARIANTS: tuple[tuple[int | None, int], ...] = ((None, 4), (None, 6), (100, 4), (100, 6))
VARIANT_SHARES = (0.79, 0.11, 0.09, 0.01)

CLIENTS_FROM, SERVERS_FROM = (10 << 24) + 1, (172 << 24) + (16 << 16) + 1
PORTS_FROM, PORTS = 32768, 28232  # Linux' ephemeral range
FLOWS_A_CLIENT = 200


@dataclass(frozen=True)
class Where:
    """Offsets of each pool frame's changing fields; -1 where a frame has no such field."""

    source: Int64
    destination: Int64
    client_port: Int64
    ip_id: Int64
    seq: Int64
    stamp: Int64
    sack: Int64


@dataclass(frozen=True)
class Rows:
    """Packets waiting to be written, in order of time. model_row indexes the arrays of Models."""

    time_ns: Int64
    flow: Int64
    variant: Int64
    model_row: Int64
    number: Int64

    def take(self, rows: Int64 | NDArray[np.bool_] | slice) -> "Rows":
        """Some of them."""
        return Rows(*(column[rows] for column in self.columns()))

    def columns(self) -> tuple[Int64, ...]:
        """All fields, in their order."""
        return self.time_ns, self.flow, self.variant, self.model_row, self.number


class FlowCapture:
    """Packets of `flows` conversations over `duration_ns`, as batches.

    share: (models,) how probable each model is; sums to 1.
    """

    def __init__(self, models: Models, share: NDArray[np.float64], flows: int, duration_ns: int, seed: int) -> None:
        self.frames = [Frame(frame_of(form, *variant)) for form in models.forms for variant in VARIANTS]
        self.tcp_flows = 0
        self._models = models
        self._cumulated = np.cumsum(share) / np.sum(share)
        self._flows = flows
        self._duration_ns = duration_ns
        self._seed = seed
        self._clients = max(64, flows // FLOWS_A_CLIENT)
        self._servers = max(50, min(flows // 50, 1 << 20))
        self._where = _where(models.forms)

    def batches(self, start_ns: int) -> Iterator[Batch]:
        """All packets in order of time, the first at about `start_ns`."""
        packets = self._flows * float(np.diff(self._cumulated, prepend=0.0) @ self._models.packets)
        windows = int(max(1, min(packets // PACKETS_A_WINDOW, self._flows)))
        bounds = [self._duration_ns * window // windows for window in range(windows + 1)]
        waiting = _NOTHING
        for window in range(windows):
            drawn = self._draw(window, windows, bounds[window], bounds[window + 1])
            both = zip(waiting.columns(), drawn.columns(), strict=True)
            waiting = Rows(*(np.concatenate(pair) for pair in both))
            waiting = waiting.take(np.argsort(waiting.time_ns, kind="stable"))
            ready = len(waiting.time_ns)
            if window < windows - 1:
                ready = int(np.searchsorted(waiting.time_ns, bounds[window + 1]))
            for row in range(0, ready, PACKETS_A_BATCH):
                yield self._batch(waiting.take(slice(row, min(row + PACKETS_A_BATCH, ready))), start_ns)
            waiting = waiting.take(slice(ready, None))

    def _draw(self, window: int, windows: int, begin_ns: int, end_ns: int) -> Rows:
        """All packets of the flows that start in a window."""
        rng = np.random.default_rng([self._seed, window])
        flow = np.arange(self._flows * window // windows, self._flows * (window + 1) // windows)
        start_ns = np.sort(rng.integers(begin_ns, end_ns, len(flow)))
        # Systematic sampling: the window's packets and bytes come out nearly as expected.
        points = (np.arange(len(flow)) + rng.random()) / max(1, len(flow))
        model = np.minimum(np.searchsorted(self._cumulated, points, "right"), len(self._cumulated) - 1)
        model = rng.permutation(model)
        variant = rng.choice(len(VARIANTS), len(flow), p=VARIANT_SHARES)
        self.tcp_flows += int(self._models.is_tcp[model].sum())
        packets = self._models.packets[model]
        number = np.arange(packets.sum()) - np.repeat(np.cumsum(packets) - packets, packets)
        row = np.repeat(self._models.first[model], packets) + number
        time_ns = np.repeat(start_ns, packets) + self._models.time_ns[row]
        return Rows(time_ns, np.repeat(flow, packets), np.repeat(variant, packets), row, number)

    def _batch(self, rows: Rows, start_ns: int) -> Batch:
        models, where, row = self._models, self._where, rows.model_row
        frame = models.form[row] * len(VARIANTS) + rows.variant
        from_client = models.from_client[row]
        # Clients take turns, so that flow // clients is a port not yet used at this one.
        which, turn = rows.flow % self._clients, rows.flow // self._clients
        client = CLIENTS_FROM + which
        port = PORTS_FROM + (which * 7919 + turn) % PORTS
        server = SERVERS_FROM + _skewed(rows.flow, self._servers)
        patches = [
            Patch(where.source[frame], np.where(from_client, client, server)),
            Patch(where.destination[frame], np.where(from_client, server, client)),
            Patch(where.client_port[frame], port, 2),
            _where_present(where.ip_id[frame], 2, rows.flow * 31 + rows.number),
            _where_present(where.seq[frame], 4, models.seq[row]),
            _where_present(where.seq[frame], 4, models.ack[row], 4),
            _where_present(where.sack[frame], 4, models.sack_left[row]),
            _where_present(where.sack[frame], 4, models.sack_right[row], 4),
        ]
        began = rows.flow * 7 + 1
        echo = models.echo[row]
        patches.append(_where_present(where.stamp[frame], 4, models.stamp[row] + began))
        patches.append(_where_present(where.stamp[frame], 4, np.where(echo < 0, 0, echo + began), 4))
        return Batch(frame, rows.time_ns + start_ns, patches)


_NOTHING = Rows(*(np.empty(0, np.int64) for _ in range(5)))


def _skewed(flow: Int64, servers: int) -> Int64:
    """A server for each flow: few have most of them."""
    fraction = (flow * 2654435761 & 0xFFFFFFFF) / 2.0**32
    return (servers * fraction**2.5).astype(np.int64)


def _where_present(offset: Int64, width: int, values: Int64, further: int = 0) -> Patch:
    """A patch of the packets whose offset is not -1, `further` bytes behind it."""
    rows = np.flatnonzero(offset >= 0)
    return Patch(offset[rows] + further, values[rows], 2 if width == 2 else 4, rows)


def _where(forms: list[Form]) -> Where:
    places = [_places(form, vlan, ip_version) for form in forms for vlan, ip_version in VARIANTS]
    return Where(*(np.array(column, np.int64) for column in zip(*places, strict=True)))


def _places(form: Form, vlan: int | None, ip_version: int) -> tuple[int, ...]:
    """The fields of Where for one pool frame."""
    network = 14 if vlan is None else 18
    is_ipv4 = ip_version == 4
    transport = network + (20 if is_ipv4 else 40)
    client_port = transport if form.from_client else transport + 2
    # Of an IPv6 address only the last four bytes differ.
    addresses = (network + 12, network + 16) if is_ipv4 else (network + 20, network + 36)
    seq = stamp = sack = -1
    if form.protocol == TCP:
        seq = transport + 4
        options = OPTIONS[form.options]
        stamp = transport + 20 + options.stamp_at if options.stamp_at >= 0 else -1
        sack = transport + 20 + options.sack_at if options.sack_at >= 0 else -1
    return *addresses, client_port, network + 4 if is_ipv4 else -1, seq, stamp, sack
