"""Write a capture of any size from a seed, and beside it the truth as JSON.

    python -m benchmarks.generate OUT --mode mixed --size 1G --flows 50000 --seed 7

mixed        TCP requests and answers with loss, name lookups, media; some IPv6 and VLAN; frames of about 700 bytes
bulk         long transfers; frames of about 1,400 bytes
tiny         the same conversations as mixed with next to no payload; frames of about 64 bytes
many_flows   one to three packets a flow; --size or --flows
adversarial  what an attacker would send (--case, see adversarial.py; default: all of them, one after another)

The same arguments give the same file. A 10 GB capture needs about 200 MB of memory.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from benchmarks.adversarial import CASES, cases_for, make_case
from benchmarks.cases import Case, case_batches
from benchmarks.flows import FlowCapture
from benchmarks.models import LONGEST_FLOW, Models, build_models
from benchmarks.records import Batch, CaptureWriter, Format, Frame, Interface, Written

START_NS = 1_700_000_000_000_000_000
FLOW_MODES = ("mixed", "bulk", "tiny", "many_flows")
DEFAULT_SIZE = 1_000_000_000
DEFAULT_FLOWS = 50_000
MEAN_FRAME = {"mixed": 700, "bulk": 1400, "tiny": 64}  # expected, to choose the length of the models
LINE_RATE = 1e9  # bit/s
SHORTEST_NS = 60_000_000_000
FLOW_SHARE_OF_TIME = 10  # no conversation lasts longer than this part of the capture

Truth = dict[str, Any]


def generate(
    path: Path,
    mode: str = "mixed",
    *,
    size: int | None = None,
    flows: int | None = None,
    seed: int = 7,
    file_format: Format = "pcap",
    case: str = "all",
) -> Truth:
    """Write `path` and `path`.json; answers the truth. Raises ValueError where size and flows do not fit together."""
    with path.open("wb") as file:
        if mode == "adversarial":
            found = _write_adversarial(file, file_format, size or DEFAULT_SIZE, seed, case)
        else:
            found = _write_flows(file, file_format, mode, size, flows, seed)
    truth = {"mode": mode, "seed": seed, "format": file_format, "file_bytes": path.stat().st_size, **found}
    path.with_name(path.name + ".json").write_text(json.dumps(truth, indent=1) + "\n")
    return truth


def _write_flows(
    file: BinaryIO, file_format: Format, mode: str, size: int | None, flows: int | None, seed: int
) -> Truth:
    overhead = 34 if file_format == "pcapng" else 16  # of a record, padding included
    if mode == "many_flows":
        models = build_models(mode, 1, 1, SHORTEST_NS, seed)
        share = np.full(len(models.packets), 1 / len(models.packets))
        record_bytes = float(share @ (models.frame_bytes() + models.packets * overhead))
        flows = flows or int((size or DEFAULT_SIZE) / record_bytes)
        duration_ns = _duration_ns(flows * record_bytes)
    else:
        flows = flows or DEFAULT_FLOWS
        size = size or DEFAULT_SIZE
        duration_ns = _duration_ns(size)
        packets_a_flow = size / flows / (MEAN_FRAME[mode] + overhead)
        _check_length(packets_a_flow, mode)
        models = build_models(mode, packets_a_flow, flows, duration_ns // FLOW_SHARE_OF_TIME, seed)
        share = shares_that_meet(models.frame_bytes() + models.packets * overhead, size / flows)
        models, share = _by_size(models, share)
    capture = FlowCapture(models, share, flows, duration_ns, seed)
    writer = CaptureWriter(file, file_format, capture.frames)
    written = _write_all(writer, capture.batches(START_NS))
    return {**written, "flows": flows, "tcp_flows": capture.tcp_flows, "udp_flows": flows - capture.tcp_flows}


def _check_length(packets_a_flow: float, mode: str) -> None:
    if packets_a_flow < 6:
        raise ValueError(f"{packets_a_flow:.1f} packets a flow are too few for {mode}: fewer --flows or more --size")
    if packets_a_flow > LONGEST_FLOW:
        raise ValueError(f"{packets_a_flow:.0f} packets a flow are too many: more --flows or less --size")


def _duration_ns(size: float) -> int:
    return max(SHORTEST_NS, int(size * 8 / LINE_RATE * 1e9))


def shares_that_meet(value: NDArray[np.int64], wanted: float) -> NDArray[np.float64]:
    """Shares of the models whose mean value is the wanted one, as even as possible (maximum entropy).

    Raises ValueError where no mixture of the values has that mean.
    """
    if not value.min() < wanted < value.max():
        raise ValueError(f"{wanted:.0f} bytes a flow: the models have {value.min()} to {value.max()}")
    scaled = value / wanted
    low, high = -200.0, 200.0
    for _ in range(100):
        tilt = (low + high) / 2
        exponent = tilt * scaled
        weight = np.exp(exponent - exponent.max())
        if weight @ scaled / weight.sum() < 1:
            low = tilt
        else:
            high = tilt
    return np.asarray(weight / weight.sum(), np.float64)


def _by_size(models: Models, share: NDArray[np.float64]) -> tuple[Models, NDArray[np.float64]]:
    """The models in order of their packets: systematic sampling along the sizes keeps the totals near the mean."""
    order = np.argsort(models.packets, kind="stable")
    sorted_models = replace(
        models, first=models.first[order], packets=models.packets[order], is_tcp=models.is_tcp[order]
    )
    return sorted_models, share[order]


def _write_adversarial(file: BinaryIO, file_format: Format, size: int, seed: int, case: str) -> Truth:
    names = cases_for(file_format) if case == "all" else [case]
    if not set(names) <= set(cases_for(file_format)):
        raise ValueError(f"{case} needs --format pcapng")
    cases = [make_case(name, file_format) for name in names]
    # Interface 0 is everybody's Ethernet; those of a case come behind it.
    pool: list[Frame] = []
    described: list[Interface] = [Interface()]
    starts = []
    for each in cases:
        starts.append(len(pool))
        base = 0 if len(each.interfaces) == 1 else len(described)
        described += each.interfaces if base else ()
        pool += [frame._replace(interface=frame.interface + base) for frame in each.frames]
    writer = CaptureWriter(file, file_format, pool, described)
    overhead = 34 if file_format == "pcapng" else 16
    flows: list[tuple[int, int]] | None = []
    written: Truth = {}
    for each, first in zip(cases, starts, strict=True):
        packets = _case_packets(each, size / len(cases), overhead)
        written = _write_all(writer, _shifted(case_batches(each, packets, START_NS, seed), first))
        if flows is not None:
            flows = None if each.flows is None else [*flows, each.flows(packets)]
    tcp_flows, udp_flows = (None, None) if flows is None else (sum(column) for column in zip(*flows, strict=True))
    total = None if tcp_flows is None or udp_flows is None else tcp_flows + udp_flows
    return {"cases": names, **written, "flows": total, "tcp_flows": tcp_flows, "udp_flows": udp_flows}


def _case_packets(case: Case, size: float, overhead: int) -> int:
    """How many packets of a case make `size` bytes."""
    probe = np.arange(1 << 16)
    frame, _ = case.fill(probe, np.random.default_rng(0))
    length = np.array([len(each.data) for each in case.frames])
    return max(1, int(size / (length[frame].mean() + overhead)))


def _shifted(batches: Iterator[Batch], first: int) -> Iterator[Batch]:
    for batch in batches:
        yield batch._replace(frame=batch.frame + first)


def _write_all(writer: CaptureWriter, batches: Iterator[Batch]) -> Truth:
    for batch in batches:
        writer.write(batch)
    return _as_truth(writer.written)


def _as_truth(written: Written) -> Truth:
    return {
        "packets": written.packets,
        "frame_bytes": written.frame_bytes,
        "captured_bytes": written.captured_bytes,
        "average_frame": round(written.frame_bytes / max(1, written.packets), 2),
        "first_ns": written.first_ns,
        "last_ns": written.last_ns,
    }


def bytes_of(text: str) -> int:
    """A size as people write it: 500k, 20M, 1.5G."""
    units = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    number = text.strip().upper().removesuffix("B")
    unit = units.get(number[-1:], 1)
    return int(float(number.rstrip("KMGT")) * unit)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--mode", choices=(*FLOW_MODES, "adversarial"), default="mixed")
    parser.add_argument("--size", type=bytes_of, help="of the file, met within a few percent (default 1G)")
    parser.add_argument("--flows", type=int, help="exactly so many conversations (default 50000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--format", choices=("pcap", "pcap-ns", "pcapng"), default="pcap")
    parser.add_argument("--case", choices=("all", *CASES), default="all", help="of adversarial")
    given = parser.parse_args(arguments)
    try:
        truth = generate(
            given.out,
            given.mode,
            size=given.size,
            flows=given.flows,
            seed=given.seed,
            file_format=given.format,
            case=given.case,
        )
    except ValueError as error:
        parser.error(str(error))
    print(
        f"{given.out}: {truth['file_bytes'] / 1e6:.1f} MB, {truth['packets']} packets of "
        f"{truth['average_frame']} bytes, {truth['flows']} flows"
    )


if __name__ == "__main__":
    main()
