"""What the charts of a report are drawn from, and the sentences that stand beside them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict, replace

from pcap_analyzer.report.model import Report, Series, TcpSeries

TIMELINE_FLOWS = 30
PACKETS_PER_STEP = 8  # with fewer, a graph of rates is a fence of spikes
MIN_STEPS = 60
MIN_STEPS_BESIDE_SILENCE = 12  # with fewer steps between the silences, words say more than a graph
MAX_STRETCHES = 100
MAX_COUNT_STEPS = 160  # counts are bars: thinner ones cannot be seen


def chart_data(report: Report, series: Series) -> dict[str, Any]:
    """By name what `report.js` reads."""
    return {
        "intervals": replace(series, tcp=None),
        "protocols": report.protocols.rows,
        "flows": report.flows.top[:TIMELINE_FLOWS],
        "handshakes": {"network": report.tcp.handshake_network, "client": report.tcp.handshake_client},
        "rtt": _round_trips(report),
        "dns": _names(report),
        "retransmissions": retransmissions(series),
    }


def coarser(series: Series, packets: int) -> Series:
    """The series with neighbouring buckets merged, so that a graph's step holds a few packets on average."""
    steps = max(MIN_STEPS, packets // PACKETS_PER_STEP)
    # Silences leave few buckets that hold anything: those stay apart.
    merge = 1 if series.silences else max(1, -(-len(series.packets) // steps))

    def merged(values: list[int]) -> list[int]:
        return _merged(values, merge)

    return replace(
        series,
        width_ns=series.width_ns * merge,
        packets=merged(series.packets),
        bytes=merged(series.bytes),
        payload_bytes=merged(series.payload_bytes),
        tcp_bytes=merged(series.tcp_bytes),
        udp_bytes=merged(series.udp_bytes),
        other_bytes=merged(series.other_bytes),
        tcp=None if series.tcp is None else _merged_tcp(series.tcp, merge),
    )


def _merged(values: list[int], merge: int) -> list[int]:
    if merge == 1:
        return values
    return [sum(values[start : start + merge]) for start in range(0, len(values), merge)]


def _merged_tcp(marks: TcpSeries, merge: int) -> TcpSeries:
    return TcpSeries(**{name: _merged(values, merge) for name, values in asdict(marks).items()})


def _round_trips(report: Report) -> dict[str, Any] | None:
    tcp = report.tcp.analysis
    return None if tcp is None else {"client": tcp.client_rtt, "server": tcp.server_rtt}


def _names(report: Report) -> dict[str, Any] | None:
    """reply: None where it is the latency, because nothing was asked again."""
    dns = report.dns
    return None if dns is None else {"latency": dns.latency, "reply": dns.reply if dns.retried else None}


def retransmissions(series: Series) -> dict[str, Any] | None:
    """Marked segments per step, kinds that exclude each other; None: nothing of the sort, or not over time."""
    if series.tcp is None or len(series.packets) < 2:
        return None
    merge = 1 if series.silences else max(1, -(-len(series.packets) // MAX_COUNT_STEPS))
    marks = _merged_tcp(series.tcp, merge)
    if not any(map(any, asdict(marks).values())):
        return None
    kinds = zip(marks.retransmissions, marks.fast, marks.spurious, strict=True)
    return {
        "start_ns": series.start_ns,
        "width_ns": series.width_ns * merge,
        "silences": series.silences,
        # Wireshark counts fast and spurious ones twice; bars on top of each other must not.
        "others": [max(0, all_kinds - fast - spurious) for all_kinds, fast, spurious in kinds],
        **asdict(marks),
    }


def throughput(series: Series) -> dict[str, Any] | None:
    """The busiest step of the graph and the stretches between silences; None where there are no steps to speak of.

    drawn: whether a graph shows more than the stretches do.
    """
    if len(series.bytes) < 2 or series.width_ns <= 0:
        return None
    busiest = max(range(len(series.bytes)), key=series.bytes.__getitem__)
    silent = sum(silence.end_ns - silence.start_ns for silence in series.silences) // series.width_ns
    between = stretches(series)
    return {
        "peak_bytes": series.bytes[busiest],
        "peak_at_ns": series.start_ns + busiest * series.width_ns,
        "width_ns": series.width_ns,
        "drawn": not silent or len(series.bytes) - silent >= MIN_STEPS_BESIDE_SILENCE,
        "stretches": between[:MAX_STRETCHES],
        "more_stretches": max(0, len(between) - MAX_STRETCHES),
    }


def stretches(series: Series) -> list[dict[str, int]]:
    """What lies between silences, in order: start and end to the bucket, packets, bytes; empty without silences."""
    if not series.silences:
        return []
    starts = [series.start_ns, *(silence.end_ns for silence in series.silences)]
    ends = [*(silence.start_ns for silence in series.silences), series.start_ns + len(series.bytes) * series.width_ns]
    rows = []
    for start, end in zip(starts, ends, strict=True):
        first, last = ((at - series.start_ns) // series.width_ns for at in (start, end))
        packets, size = sum(series.packets[first:last]), sum(series.bytes[first:last])
        rows.append({"start_ns": start, "end_ns": end, "packets": packets, "bytes": size})
    return rows
