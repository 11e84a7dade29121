"""Slices: the records that match, byte for byte, with what is needed to read them."""

import io
import re
import resource
import signal
import struct
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from pcap_analyzer import open_capture, slices
from pcap_analyzer.errors import Cancelled, CaptureError, ExportError, FilterError
from tests.scan.files import EPOCH, block, enhanced, interface, pcap_file, pcapng_file, section, tcp_frame
from tests.test_cli import PROGRAM, run

FRAMES = [tcp_frame(number % 5, seq=number, payload=b"x" * (number % 7)) for number in range(200)]
BASE = "port == 1024"  # client 0


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """The blocks of a little-endian pcapng file: (type, whole block)."""
    found, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        found.append((kind, data[at : at + length]))
        at += length
    return found


def sliced(tmp_path, data: bytes, filter_text: str, name: str = "in.pcap") -> bytes:
    (tmp_path / name).write_bytes(data)
    slices.slice_capture(tmp_path / name, filter_text, str(tmp_path / "out.pcapng"))
    return (tmp_path / "out.pcapng").read_bytes()


def test_the_blocks_of_pcapng_stay_what_they_are(tmp_path):
    data = pcapng_file(FRAMES)
    wanted = [one for number, (_, one) in enumerate(blocks(data)[2:]) if number % 5 == 0]
    assert [one for kind, one in blocks(sliced(tmp_path, data, BASE)) if kind == 6] == wanted


def test_interfaces_keep_their_options(tmp_path):
    options = struct.pack("<HHB3xHHq", 9, 1, 9, 14, 8, 3600) + struct.pack("<HH4sHH", 1, 4, b"why?", 0, 0)
    described = interface(options=options)
    names, statistics = block(4, struct.pack("<HH", 0, 0)), block(5, bytes(12))
    data = section() + described + names + enhanced(FRAMES[0], 0) + statistics
    assert sliced(tmp_path, data, "frame_number == 1") == section() + described + names + enhanced(FRAMES[0], 0)
    assert sliced(tmp_path, data, "frame_number == 9") == section() + described + names


def test_options_of_a_packet_and_simple_blocks_come_along(tmp_path):
    body = struct.pack("<IIIII", 0, 0, 5, 54, 54) + FRAMES[0] + bytes(2) + struct.pack("<HH4sHH", 1, 4, b"note", 0, 0)
    simple = block(3, struct.pack("<I", len(FRAMES[0])) + FRAMES[0])
    data = section() + interface() + block(6, body) + simple + enhanced(FRAMES[1], 2)
    assert sliced(tmp_path, data, "port == 1024") == section() + interface() + block(6, body) + simple


def test_an_enhanced_block_that_looks_simple_is_told_apart(tmp_path):
    # 12 bytes before the frame stands 3, as where a simple block begins; the length behind it is that of the frame.
    body = struct.pack("<IIIII", 0, 0, 3, len(FRAMES[0]), len(FRAMES[0])) + FRAMES[0]
    data = section() + interface() + block(6, body)
    assert sliced(tmp_path, data, "frame_number == 1") == data


def test_sections_of_either_byte_order_stay_apart(tmp_path):
    parts = [
        section(order) + interface(order) + enhanced(FRAMES[0], 0, order) + enhanced(FRAMES[1], 1, order)
        for order in "<><>"
    ]
    kept = [section(order) + interface(order) + enhanced(FRAMES[1], 1, order) for order in "<><>"]
    assert sliced(tmp_path, b"".join(parts), "port == 1025") == b"".join(kept)


@pytest.mark.parametrize(("magic", "digits"), [(0xA1B2C3D4, 6), (0xA1B23C4D, 9)])
@pytest.mark.parametrize("order", "<>")
def test_a_record_of_pcap_gets_a_block_around_it(tmp_path, magic, digits, order):
    header = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 96, 0x2400_0001)
    frame = FRAMES[1]
    data = header + struct.pack(order + "IIII", EPOCH, 7, len(frame), 1500) + frame
    _, described, packet = (one for _, one in blocks(sliced(tmp_path, data, "frame_number == 1")))
    ticks = EPOCH * 10**digits + 7
    assert struct.unpack_from("<HxxI", described, 8) == (1, 96)
    assert struct.pack("<HHB", 9, 1, digits) in described
    assert struct.pack("<HHB", 13, 1, 4) in described  # octets of frame check sequence
    assert struct.unpack_from("<IIIII", packet, 8) == (0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), 1500)
    assert packet[28 : 28 + len(frame)] == frame


@pytest.mark.parametrize("form", [pcap_file, pcapng_file])
def test_a_stream_gives_the_slice_of_the_file(tmp_path, form):
    data = form(FRAMES)
    wanted = sliced(tmp_path, data, BASE)
    slices.slice_capture(io.BytesIO(data), BASE, str(tmp_path / "stream.pcapng"))
    assert (tmp_path / "stream.pcapng").read_bytes() == wanted


@pytest.mark.parametrize(
    "text",
    [
        "host == 10.0.0.3",
        "host in 10.0.0.2/31",
        "src != 10.0.0.1 and not (dst_port in (80, 81))",
        "retransmission or ack_rtt > 1us",
        "tunnel is null and outer_src is null and decode_status == complete",
        'protocols == "eth:ethertype:ip:tcp" and from_client and vlan_id is null',
        "dst in (172.16.0.1, 10.0.0.1) and src not in 10.0.0.0/30",
        'tcp_flags & 0x10 and timestamp >= "2023-11-14T22:13:20.0001Z"',
        "bytes_in_flight > 3 or tcp_window == 4096",
    ],
)
def test_a_filter_means_what_it_means_for_the_table(tmp_path, text):
    data = pcap_file([*FRAMES, tcp_frame(3, reply=True, ack=1 << 20)])
    (tmp_path / "in.pcap").write_bytes(data)
    run("export", tmp_path / "in.pcap", "--filter", text, "--format", "arrow", "-o", tmp_path / "rows.arrows")
    with pa.ipc.open_stream(str(tmp_path / "rows.arrows")) as stream:
        wanted = stream.read_all().select(["timestamp", "captured_length", "tcp_seq"])
    slices.slice_capture(tmp_path / "in.pcap", text, str(tmp_path / "out.pcapng"))
    with open_capture(tmp_path / "out.pcapng") as opened:
        assert opened.packets(["timestamp", "captured_length", "tcp_seq"]).read_all().equals(wanted)


def test_a_capture_that_shrinks_meanwhile_leaves_no_slice(tmp_path):
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap_file(FRAMES * 500))

    def cut() -> bool:
        path.write_bytes(b"")
        return False

    with pytest.raises(CaptureError, match="changed while it was sliced"):
        slices.slice_capture(path, "frame_number > 0", str(tmp_path / "out.pcapng"), cancelled=cut)
    assert [one.name for one in tmp_path.iterdir()] == ["in.pcap"]


def test_progress_is_told_and_cancelling_leaves_nothing(tmp_path):
    (tmp_path / "in.pcap").write_bytes(pcap_file(FRAMES))
    told = []
    slices.slice_capture(tmp_path / "in.pcap", BASE, str(tmp_path / "out.pcapng"), progress=told.append)
    assert told[-1].packets == 200
    with pytest.raises(Cancelled):
        slices.slice_capture(tmp_path / "in.pcap", BASE, str(tmp_path / "not.pcapng"), cancelled=lambda: True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.pcap", "out.pcapng"]


def test_mistakes_are_named(tmp_path):
    (tmp_path / "in.pcap").write_bytes(pcap_file(FRAMES))
    with pytest.raises(FilterError):
        slices.slice_capture(tmp_path / "in.pcap", "colour == 3", str(tmp_path / "out.pcapng"))
    with pytest.raises(ExportError, match="cannot be written"):
        slices.slice_capture(tmp_path / "in.pcap", BASE, "/proc/none/out.pcapng")
    assert (
        b"is the capture itself"
        in run("slice", tmp_path / "in.pcap", "--filter", BASE, "-o", tmp_path / "in.pcap", expect=2).stderr
    )
    assert b"colour" in run("slice", tmp_path / "in.pcap", "--filter", "colour == 3", "-o", "-", expect=2).stderr
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.pcap"]


def test_the_command_writes_to_standard_output(tmp_path):
    (tmp_path / "in.pcapng").write_bytes(pcapng_file(FRAMES))
    done = run("slice", tmp_path / "in.pcapng", "--filter", BASE, "-o", "-")
    assert done.stdout == sliced(tmp_path, pcapng_file(FRAMES), BASE)


SHOWN = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type"]


def frames_of(dump: str) -> list[str]:
    """The lines of `tshark -x` that are frames: not what it put together from several."""
    found, wanted = [], True
    for line in dump.splitlines():
        if re.fullmatch(r".* \(\d+ bytes\):", line):
            wanted = line.startswith("Frame (")
        elif not line:
            wanted = True
        elif wanted and re.match(r"[0-9a-f]{4,} ", line):
            found.append(line[:54])
    return found


def read_by_tshark(program: str, path: Path, display_filter: str | None) -> tuple[list[str], list[str]]:
    """The bytes of the packets that tshark finds, and what it says of their records."""
    chosen = ["-Y", display_filter] if display_filter else []
    command = [program, "-n", "-r", str(path), *chosen]
    dump = subprocess.run([*command, "-x"], capture_output=True, check=False).stdout.decode("utf-8", "replace")
    fields = [part for name in SHOWN for part in ("-e", name)]
    shown = subprocess.run([*command, "-T", "fields", *fields], capture_output=True, check=False).stdout
    return frames_of(dump), shown.decode().splitlines()


CASES = [
    ("derived/pcap_ns_be.pcap", "frame_number > 1", "frame.number > 1"),
    ("derived/ng_two_sections_both_orders.pcapng", "frame_number > 0", "frame.number > 0"),
    ("derived/ng_simple_packets.pcapng", "protocol is not null", "ip or ipv6"),
    ("derived/ng_old_packet_blocks.pcapng", "protocol is not null", "ip or ipv6"),
    ("derived/ng_resolutions.pcapng", "frame_number > 0", "frame.number > 0"),
    ("derived/ng_links_mixed.pcapng", "frame_number > 0", "frame.number > 0"),
    ("nDPI/rtsp.pcap", "protocol == 6 and stream == 1", "tcp.stream == 1"),
    ("nDPI/quic-33.pcapng", "protocol == 17 and stream == 0", "udp.stream == 0"),
    ("nDPI/alexa-app.pcapng", "retransmission", "tcp.analysis.retransmission"),
]


@pytest.mark.parametrize(("name", "ours", "theirs"), CASES)
def test_tshark_reads_what_its_own_filter_finds(component, captures, tmp_path, name, ours, theirs):
    slices.slice_capture(captures / name, ours, str(tmp_path / "out.pcapng"))
    found = read_by_tshark(component("tshark"), captures / name, theirs)
    assert found[1]
    assert read_by_tshark(component("tshark"), tmp_path / "out.pcapng", None) == found


@pytest.mark.parametrize(("number", "of"), [(signal.SIGXFSZ, b"File too large"), (None, b"No space left on device")])
def test_a_disk_that_is_full_leaves_nothing(tmp_path, number, of):
    (tmp_path / "in.pcap").write_bytes(pcap_file(FRAMES * 20))
    (tmp_path / "out").mkdir()
    output = "/dev/full" if number is None else tmp_path / "out" / "slice.pcapng"

    def limit() -> None:
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [*PROGRAM, "slice", tmp_path / "in.pcap", "--filter", "frame_number > 0", "-o", output]
    done = subprocess.run(command, capture_output=True, check=False, preexec_fn=limit)
    assert done.returncode == 2
    assert of in done.stderr
    assert b"Traceback" not in done.stderr
    assert not list((tmp_path / "out").iterdir())


def test_whoever_closes_the_pipe_early_hears_nothing_more(tmp_path):
    (tmp_path / "in.pcap").write_bytes(pcap_file(FRAMES * 500))
    command = [*PROGRAM, "slice", tmp_path / "in.pcap", "--filter", "frame_number > 0", "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) != 0
        assert b"Traceback" not in process.stderr.read()
