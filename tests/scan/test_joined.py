"""Files of one recording, joined: their tables are those of the whole."""

import gzip
from itertools import pairwise

import pytest

from pcap_analyzer import CaptureError, analyze_capture, open_capture
from pcap_analyzer.schema import TABLES
from tests.scan.files import enhanced, pcap_file, pcap_record, pcapng_file, tcp_frame

STREAMED = ("packets", "tcp_events")
# A flow that goes on over all files: every segment is sent twice, so that marks need what came before.
FRAMES = [tcp_frame(number % 7, seq=number // 14, payload=b"x" * (number % 3)) for number in range(300)]
TIMES = [number * 10_000 for number in range(300)]  # microseconds
CUTS = (0, 113, 114, 300)


def tables_of(capture, **options):
    with open_capture(capture, **options) as opened:
        found = {"packets": opened.packets().read_all()}
    with open_capture(capture, **options) as opened:
        found["tcp_events"] = opened.tcp_events().read_all()
    analysis = analyze_capture(capture, **options)
    return found | {name: analysis.table(name).read_all() for name in TABLES if name not in STREAMED}


def parts_in(folder, make, cuts=CUTS, *, suffix=""):
    paths = []
    for number, (begin, end) in enumerate(pairwise(cuts)):
        path = folder / f"part-{len(cuts) - number}.pcap{suffix}"  # the names say nothing of the order
        data = make(FRAMES[begin:end], TIMES[begin:end])
        path.write_bytes(gzip.compress(data) if suffix else data)
        paths.append(path)
    return paths


def pcap(frames, times, **options):
    return pcap_file([], **options) + b"".join(map(pcap_record, frames, times))


def pcapng(frames, times):
    return pcapng_file([]) + b"".join(map(enhanced, frames, times))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_capture_cut_in_three_and_joined_has_the_tables_of_the_whole(tmp_path, suffix, threads):
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(pcap(FRAMES, TIMES))
    expected = tables_of(whole, threads=threads)
    found = tables_of(parts_in(tmp_path, pcap, suffix=suffix)[::-1], threads=threads)
    size = expected["capture"].column_names.index("size")
    for name in TABLES:
        left, right = expected[name], found[name]
        if name == "capture":
            left, right = left.remove_column(size), right.remove_column(size)
        assert right.equals(left), name
    assert found["packets"]["frame_number"].to_pylist() == list(range(1, 301))


def test_the_report_counts_all_files(tmp_path):
    paths = parts_in(tmp_path, pcap)
    analysis = analyze_capture(paths)
    assert analysis.source.name == "part-4.pcap and 2 more"
    assert analysis.source.size_bytes == sum(path.stat().st_size for path in paths)
    assert (analysis.capture.packets, analysis.quality.damage, analysis.quality.backward_time) == (300, None, 0)


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_packets_of_a_flow_are_found_again_in_every_file(tmp_path, make):
    whole = tmp_path / "whole"
    whole.write_bytes(make(FRAMES, TIMES))
    one, joined = analyze_capture(whole), analyze_capture(parts_in(tmp_path, make))
    flow = one.top_flows[0]
    expected = one.lookup(flow, 100, 250)
    assert len(expected) > 20
    assert joined.lookup(flow, 100, 250) == expected


def test_interfaces_of_pcapng_are_counted_over_all_files(tmp_path):
    paths = parts_in(tmp_path, pcapng)
    with open_capture(paths) as opened:
        assert opened.packets(["interface_id"]).read_all()["interface_id"].to_pylist() == [
            number for number, (begin, end) in enumerate(pairwise(CUTS)) for _ in range(begin, end)
        ]
    assert [one.packets for one in analyze_capture(paths).interfaces] == [113, 1, 186]


def test_link_types_may_differ(tmp_path):
    first, second = tmp_path / "first.pcap", tmp_path / "second.pcap"
    first.write_bytes(pcap(FRAMES[:5], TIMES[:5]))
    second.write_bytes(pcap([frame[14:] for frame in FRAMES[5:9]], TIMES[5:9], link_type=101))
    analysis = analyze_capture([second, first])
    assert [(one.number, one.packets) for one in analysis.capture.link_types] == [(1, 5), (101, 4)]
    assert analysis.totals.flows == 7


def test_a_file_that_is_cut_costs_its_last_packet_only(tmp_path):
    paths = parts_in(tmp_path, pcap)
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    with open_capture(paths) as opened:
        assert opened.packets(["frame_number"]).read_all().num_rows == 299
        assert opened.damage.reason.startswith("part-4.pcap: the file ends inside a record")


def test_a_file_without_packets_is_joined(tmp_path):
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(pcap_file([]))
    assert analyze_capture([empty, *parts_in(tmp_path, pcap)]).capture.packets == 300


def test_files_that_were_captured_beside_each_other_are_refused(tmp_path):
    left, right = tmp_path / "left.pcap", tmp_path / "right.pcap"
    left.write_bytes(pcap(FRAMES[:200], TIMES[:200]))
    right.write_bytes(pcap(FRAMES[50:], TIMES[50:]))
    with pytest.raises(CaptureError, match=r"right\.pcap begins 1\.490 s before left\.pcap ends: .* mergecap"):
        analyze_capture([right, left])


def test_different_formats_are_refused(tmp_path):
    left, right = tmp_path / "left.pcap", tmp_path / "right.pcapng"
    left.write_bytes(pcap(FRAMES[:2], TIMES[:2]))
    right.write_bytes(pcapng(FRAMES[2:4], TIMES[2:4]))
    with pytest.raises(CaptureError, match=r"left\.pcap and right\.pcapng are of different formats"):
        analyze_capture([left, right])


def test_standard_input_cannot_be_joined(tmp_path):
    with pytest.raises(CaptureError, match="standard input"):
        open_capture([*parts_in(tmp_path, pcap), "-"])
