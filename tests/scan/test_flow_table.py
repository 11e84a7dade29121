"""The table of flows: its columns, a connection by hand, names that every tool gives alike, and one result for all."""

from __future__ import annotations

import io
import itertools
import math
import struct
from array import array
from contextlib import closing

import pyarrow as pa
import pytest

from pcap_analyzer import schema
from pcap_analyzer.analysis import assembly
from pcap_analyzer.capture.reader import CaptureReader
from pcap_analyzer.capture.source import open_source
from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.native.test_flow_twin import plain_rows
from tests.reference.flow_rows import community_id
from tests.scan.files import ACK, DATA, EPOCH, FIN_ACK, SYN, SYN_ACK, pcap_file, pcap_record, pcapng_file, tcp_frame
from tests.scan.test_flows import CONNECTION

MSS, SACK_PERMITTED, SCALE_2, SCALE_7 = b"\x02\x04\x05\xb4", b"\x04\x02", b"\x03\x03\x02", b"\x03\x03\x07"
NOP = b"\x01"


def segment(
    number: int, *, reply: bool, flags: int, seq: int, ack: int, length: int = 0, options: bytes = b""
) -> bytes:
    """Ethernet, IPv4, TCP with options; client number 1, window 100 + number."""
    frame = tcp_frame(1, flags=flags, seq=seq, ack=ack, reply=reply, payload=options + bytes(length))
    head, tcp = frame[:34], bytearray(frame[34:])
    tcp[12] = (20 + len(options)) // 4 << 4
    tcp[14:16] = struct.pack(">H", 100 + number)
    return head + bytes(tcp)


# A handshake, a request in two segments of which the second is sent twice, an answer, and the end. Each a µs apart.
TEN = [
    segment(0, reply=False, flags=SYN, seq=1000, ack=0, options=MSS + SACK_PERMITTED + NOP + SCALE_2 + NOP * 2),
    segment(1, reply=True, flags=SYN_ACK, seq=9000, ack=1001, options=MSS + NOP + SCALE_7),
    segment(2, reply=False, flags=ACK, seq=1001, ack=9001),
    segment(3, reply=False, flags=DATA, seq=1001, ack=9001, length=10),
    segment(4, reply=False, flags=DATA, seq=1011, ack=9001, length=20),
    segment(5, reply=False, flags=DATA, seq=1011, ack=9001, length=20),
    segment(6, reply=True, flags=ACK, seq=9001, ack=1031),
    segment(7, reply=True, flags=DATA, seq=9001, ack=1031, length=40),
    segment(8, reply=False, flags=FIN_ACK, seq=1031, ack=9041),
    segment(9, reply=True, flags=FIN_ACK, seq=9041, ack=1032),
]


def flows(frames: list[bytes], columns: list[str] | None = None, **options: int) -> list[dict[str, object]]:
    return plain_rows(analyze_capture(io.BytesIO(pcap_file(frames)), **options).flows(columns).read_all())


def test_the_columns_are_those_of_the_schema():
    table = analyze_capture(io.BytesIO(pcap_file(TEN))).flows().read_all()
    table.validate(full=True)
    assert table.schema.equals(schema.arrow_schema(schema.FLOWS), check_metadata=True)


def test_no_column_without_a_meaning_for_null_is_null():
    udp = struct.pack(">BBHHHBBH4s4sHHHH", 0x45, 0, 28, 1, 0, 64, 17, 0, b"\1" * 4, b"\2" * 4, 9, 7, 8, 0)
    ospf = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20, 1, 0, 64, 89, 0, b"\1" * 4, b"\2" * 4)
    table = analyze_capture(io.BytesIO(pcap_file([udp, ospf], link_type=101))).flows().read_all()
    assert table.num_rows == 2
    assert [one.name for one in schema.FLOWS.fields if one.null is None and table[one.name].null_count] == []


def test_options_that_were_cut_are_not_options_that_lack():
    frames = [(frame[:60], len(frame)) for frame in TEN]  # behind the MSS of the SYN/ACK and a NOP
    records = b"".join(pcap_record(data, at, original=original) for at, (data, original) in enumerate(frames))
    (flow,) = plain_rows(analyze_capture(io.BytesIO(pcap_file([]) + records)).flows().read_all())
    assert (flow["client_mss"], flow["client_sack_permitted"], flow["client_window_scale"]) == (1460, True, None)
    assert (flow["server_mss"], flow["server_sack_permitted"], flow["server_timestamps"]) == (1460, None, None)


def test_the_scale_of_one_side_counts_where_the_other_one_was_cut():
    syn = segment(0, reply=False, flags=SYN, seq=1000, ack=0, options=SCALE_2 + NOP)
    frames = [(syn, len(syn)), (TEN[1][:59], len(TEN[1])), (TEN[2], 54)]
    records = b"".join(pcap_record(data, at, original=original) for at, (data, original) in enumerate(frames))
    capture = pcap_file([]) + records
    (flow,) = plain_rows(analyze_capture(io.BytesIO(capture)).flows().read_all())
    assert (flow["client_window_last"], flow["server_window_scale"]) == (102 << 2, None)
    rows = open_capture(io.BytesIO(capture)).packets(["tcp_window"]).read_all()
    assert rows["tcp_window"].to_pylist() == [100, 101, 102 << 2]


def test_ten_packets_by_hand():
    (flow,) = flows(TEN)
    start = EPOCH * 10**9
    expected = {
        "client_packets": 6,
        "server_packets": 4,
        "client_bytes": 6 * 54 + 12 + 50,
        "server_bytes": 4 * 54 + 8 + 40,
        # 66, 54, 64, 74, 74, 54
        "client_size_min": 54,
        "client_size_max": 74,
        "client_size_mean": 386 / 6,
        "client_size_stddev": math.sqrt(6 * (66**2 + 2 * 54**2 + 64**2 + 2 * 74**2) - 386**2) / 6,
        "client_payload_bytes": 50,
        "server_payload_bytes": 40,
        "client_syn": 1,
        "client_ack": 5,
        "client_psh": 3,
        "client_fin": 1,
        "client_rst": 0,
        "server_syn": 1,
        "client_mss": 1460,
        "client_window_scale": 2,
        "client_sack_permitted": True,
        "client_timestamps": False,
        "server_mss": 1460,
        "server_window_scale": 7,
        "server_sack_permitted": False,
        "server_timestamps": False,
        "client_window_min": 102 << 2,
        "client_window_max": 108 << 2,
        "client_window_last": 108 << 2,
        "server_window_min": 106 << 7,
        "server_window_max": 109 << 7,
        "server_window_last": 109 << 7,
        # 1 µs is less than the initial round trip, but it ends where the highest segment ended: no out-of-order.
        "client_retransmission": 1,
        "client_seen_twice": 1,
        "client_out_of_order": 0,
        "server_retransmission": 0,
        "client_retransmitted_bytes": 20,
        "client_seen_twice_bytes": 20,
        "client_unique_bytes": 30,
        "client_missed_bytes": 0,
        "client_max_bytes_in_flight": 30,
        "server_max_bytes_in_flight": 40,
        "client_retransmission_delay_mean": 1000,
        "client_retransmission_delay_max": 1000,
        # Of the server's segments the answer was acknowledged after 1 µs; of the client's, by Karn's rule, the FIN.
        "client_rtt_samples": 2,
        "client_rtt_min": 1000,
        "client_rtt_max": 1000,
        "server_rtt_samples": 2,
        "client_first_payload": start + 3000,
        "client_last_payload": start + 5000,
        "server_first_payload": start + 7000,
        "server_last_payload": start + 7000,
        "handshake_network": 1000,
        "handshake_client": 1000,
        "initial_rtt": 2000,
        "syn_retries": 0,
        "time_to_first_byte": 3000,  # since the request's last new byte; a repetition asks for nothing new
        "first_seen": start,
        "last_seen": start + 9000,
        "duration": 9000,
        "conn_state": "SF",
        "history": "ShADadFf",
        "ended": "fin",
        "completeness": 1 + 2 + 4 + 8 + 16,
        "bounded": False,
        "marks_exact": True,
    }
    assert {name: flow[name] for name in expected} == expected


def test_a_gap_that_the_other_side_acknowledged_is_the_captures_own():
    seen = [*TEN[:3], *TEN[6:]]
    (flow,) = flows(seen)
    # What follows the 30 bytes is a FIN, which shows them missing; the ACK before it covers them.
    assert (flow["client_missed_bytes"], flow["client_missed_acknowledged_bytes"]) == (30, 30)


def test_windows_are_as_on_the_wire_where_one_side_did_not_offer_to_scale():
    plain = segment(1, reply=True, flags=SYN_ACK, seq=9000, ack=1001)
    (flow,) = flows([TEN[0], plain, *TEN[2:]])
    assert (flow["client_window_min"], flow["client_window_scale"], flow["server_window_scale"]) == (102, 2, None)


@pytest.mark.parametrize(
    ("frames", "completeness"),
    [
        (CONNECTION[:1], 1),
        (CONNECTION[:2], 3),
        (CONNECTION[:3], 7),
        (CONNECTION[:4], 15),
        (CONNECTION, 31),
        (CONNECTION[1:2], 0),  # the first packet of a stream counts when it is a SYN
        (CONNECTION[2:4], 8),
        ([CONNECTION[0], tcp_frame(1, flags=0x14, seq=0, ack=101, reply=True)], 1 + 4 + 32),
    ],
)
def test_completeness(frames, completeness):
    assert flows(frames)[0]["completeness"] == completeness


def address(text: str) -> bytes:
    return bytes(int(part) for part in text.split("."))


def ip_packet(protocol: int, src: bytes, dst: bytes, content: bytes) -> bytes:
    if len(src) == 4:
        return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), 1, 0, 64, protocol, 0) + src + dst + content
    return struct.pack(">IHBB", 6 << 28, len(content), protocol, 64) + src + dst + content


ONE, TWO = address("10.0.0.1"), address("10.0.0.2")
SIX_ONE, SIX_TWO = bytes(15) + b"\1", bytes(15) + b"\2"


def ports(source: int, destination: int, rest: int = 12) -> bytes:
    return struct.pack(">HH", source, destination) + bytes(rest)


@pytest.mark.parametrize(
    ("protocol", "src", "dst", "content"),
    [
        (6, ONE, TWO, ports(1234, 80, 8) + b"\x50\x02" + bytes(6)),
        (6, TWO, ONE, ports(80, 1234, 8) + b"\x50\x12" + bytes(6)),
        (6, ONE, ONE, ports(5, 3, 8) + b"\x50\x02" + bytes(6)),
        (17, ONE, TWO, ports(53, 9, 0) + b"\0\x08\0\0"),
        (17, SIX_TWO, SIX_ONE, ports(53, 9, 0) + b"\0\x08\0\0"),
        (132, ONE, TWO, ports(7, 80, 8)),
        (1, TWO, ONE, b"\x08\0" + bytes(6)),
        (1, ONE, TWO, b"\0\0" + bytes(6)),
        (1, TWO, ONE, b"\x0d\0" + bytes(18)),
        (1, TWO, ONE, b"\x03\x01" + bytes(6)),
        (1, ONE, TWO, b"\x0b\x00" + bytes(6)),
        (58, SIX_TWO, SIX_ONE, b"\x80\0" + bytes(6)),
        (58, SIX_TWO, SIX_ONE, b"\x88\0" + bytes(6)),
        (58, SIX_TWO, SIX_ONE, b"\x01\x04" + bytes(6)),
        (89, TWO, ONE, bytes(24)),
        (46, SIX_TWO, SIX_ONE, bytes(24)),
    ],
)
def test_community_ids_follow_their_specification(protocol, src, dst, content):
    data = pcap_file([ip_packet(protocol, src, dst, content)], link_type=101)
    (flow,) = analyze_capture(io.BytesIO(data)).flows(["community_id"]).read_all().to_pylist()
    first, second = struct.unpack(">HH", content[:4]) if protocol in (6, 17, 132) else (content[0], content[1])
    assert flow["community_id"] == community_id(protocol, src, dst, first, second)


def test_the_community_id_that_its_specification_works_out():
    content = ports(34855, 80, 8) + b"\x50\x02" + bytes(6)
    frame = ip_packet(6, address("128.232.110.120"), address("66.35.250.204"), content)
    (flow,) = analyze_capture(io.BytesIO(pcap_file([frame], link_type=101))).flows().read_all().to_pylist()
    assert flow["community_id"] == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


@pytest.mark.parametrize(("packets", "told"), [(1, 0.0), (2, None), (3, None)])
def test_sizes_that_no_packet_can_have_give_no_deviation(packets, told):
    records = [pcap_record(TEN[2], number, original=0xFFFFFFFF) for number in range(packets)]
    data = pcap_file([]) + b"".join(records)
    (flow,) = plain_rows(analyze_capture(io.BytesIO(data)).flows().read_all())
    assert (flow["client_size_max"], flow["client_size_stddev"]) == (0xFFFFFFFF, told)


def test_equal_sizes_do_not_deviate():
    assert {flow["client_size_stddev"] for flow in flows([TEN[2]] * 1001)} == {0.0}


MANY = [tcp_frame(number % 97, flags=DATA, seq=number, payload=b"x" * (number % 900)) for number in range(9000)]


@pytest.mark.parametrize("make", [pcap_file, pcapng_file])
def test_the_table_is_the_same_for_any_threads_and_batches(make):
    data = make([*TEN, *MANY])
    expected = plain_rows(analyze_capture(io.BytesIO(data), threads=1).flows().read_all())
    assert len(expected) == 97
    for threads, batch_size in itertools.product((1, 2, 4), (7, 65536)):
        analysis = analyze_capture(io.BytesIO(data), threads=threads, batch_size=batch_size)
        assert plain_rows(analysis.flows(batch_size=batch_size).read_all()) == expected


def test_batches_have_the_size_asked_for_and_columns_their_order():
    analysis = analyze_capture(io.BytesIO(pcap_file(MANY)))
    batches = list(analysis.flows(["server", "flow_id"], batch_size=40))
    assert [batch.num_rows for batch in batches] == [40, 40, 17]
    assert batches[0].schema.names == ["server", "flow_id"]
    assert pa.Table.from_batches(batches)["flow_id"].to_pylist() == list(range(97))


def test_a_capture_without_flows_has_an_empty_table():
    table = analyze_capture(io.BytesIO(pcap_file([]))).flows().read_all()
    assert (table.num_rows, table.schema.names) == (0, list(schema.FLOWS.columns))


def test_wrong_columns_and_batch_sizes_are_refused():
    analysis = analyze_capture(io.BytesIO(pcap_file(TEN)))
    with pytest.raises(KeyError):
        analysis.flows(["colour"])
    for size in (0, 65537):
        with pytest.raises(ValueError, match="expected 1 to"):
            analysis.flows(batch_size=size)


def test_an_open_capture_gives_the_same_flows():
    expected = flows(MANY)
    with open_capture(io.BytesIO(pcap_file(MANY))) as capture:
        assert plain_rows(capture.flows().read_all()) == expected
        assert plain_rows(capture.flows().read_all()) == expected
    with pytest.raises(ValueError, match="open it again"):
        capture.flows()


def test_flows_are_known_behind_the_last_packet():
    with open_capture(io.BytesIO(pcap_file(MANY))) as capture:
        packets = capture.packets(["flow_id"], batch_size=1000)
        packets.read_next_batch()
        with pytest.raises(ValueError, match="not read to their end"):
            capture.flows()
        packets.read_all()
        assert plain_rows(capture.flows().read_all()) == flows(MANY)


def test_flows_that_were_written_out_are_the_same():
    # 3,000 whole connections, none of which comes back; 200 fit.
    talks = [
        tcp_frame(client, flags=flags, seq=seq, ack=ack, reply=reply, payload=payload)
        for client in range(3000)
        for flags, seq, ack, reply, payload in (
            (SYN, 100, 0, False, b""),
            (SYN_ACK, 500, 101, True, b""),
            (ACK, 101, 501, False, b""),
            (DATA, 101, 501, False, b"question"),
            (DATA, 101, 501, False, b"question"),
            (DATA, 501, 109, True, b"answer"),
            (FIN_ACK, 109, 507, False, b""),
        )
    ]
    frames = [*talks, *[tcp_frame(9_000_000, seq=5)] * 120_000]
    tight = analyze_capture(io.BytesIO(pcap_file(frames)), flow_limit=200)
    assert tight.evicted_flows == 3001 - 200 * 7 // 8
    assert plain_rows(tight.flows().read_all()) == flows(frames)


def test_a_flow_that_returns_keeps_its_sums_and_says_that_it_was_judged_anew():
    pause = [tcp_frame(9_000_000 + number % 300, seq=5) for number in range(140_000)]
    frames = [*TEN[:5], *pause, *TEN[5:]]
    (tight, *_), (whole, *_) = flows(frames, flow_limit=200), flows(frames)
    assert (whole["marks_exact"], tight["marks_exact"]) == (True, False)
    kept = [
        name
        for name in whole
        if name.endswith(("_packets", "_bytes", "_fin", "_syn", "_psh", "_payload", "_mss", "_scale", "_last"))
        or name in ("completeness", "conn_state", "history", "ended", "community_id", "handshake_client", "duration")
    ]
    judged = {"client_retransmitted_bytes", "client_seen_twice_bytes", "client_unique_bytes", "client_missed_bytes"}
    assert {name: tight[name] for name in kept if name not in judged} == {
        name: whole[name] for name in kept if name not in judged
    }


def as_fragment(frame: bytes) -> bytes:
    """Not the first of its packet: counted by its addresses alone."""
    return frame[:20] + b"\x00\x10" + frame[22:]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("many", "limit"), [(1_000, 50_000), (100_000, 50_000), (1_000, 10_000)])
def test_flows_that_are_not_kept_are_summed_as_others_but_cannot_be_read(
    threads: int, many: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some are whole, some have only a SYN; with a limit some were written out, and others have their places."""
    monkeypatch.setattr(assembly, "MANY_FLOWS", many)
    flows = 40_000 if limit < 40_000 else 12_000
    frames = []
    for client in range(flows):  # more than the first chunks of all pools
        if client % 3 == 0:
            frames.append(tcp_frame(client, flags=SYN, seq=100))
        else:
            segments = ((DATA, 101), (DATA, 101), (DATA, 150))
            frames += [
                tcp_frame(client, flags=flags, seq=seq, ack=501, payload=b"p" * (client % 7)) for flags, seq in segments
            ]
        if client % 1000 == 500:
            frames.append(as_fragment(tcp_frame(0xABC000 + client, payload=bytes(40))))
    data = pcap_file(frames)
    kept, spent = (
        analyze_capture(io.BytesIO(data), threads=threads, keep_flows=keep_flows, flow_limit=limit)
        for keep_flows in (True, False)
    )
    assert kept.totals.flows == flows
    assert kept.quality.fragments == flows // 1000
    for part in ("totals", "tcp", "endpoints", "conversations", "services", "top_flows", "retransmitting", "quality"):
        assert repr(getattr(spent, part)) == repr(getattr(kept, part))
    with pytest.raises(ValueError, match="not kept"):
        spent.flows()


def test_behind_the_last_reading_nothing_reaches_a_flow() -> None:
    data = pcap_file(tcp_frame(client, flags=DATA, payload=b"x") for client in range(5000))
    with closing(CaptureReader(open_source(io.BytesIO(data)), threads=1, batch_rows=65536)) as reader:
        for _ in reader.turns():
            pass
        scanner, seed = reader.scanner, bytes(16)
        before, flows = scanner.flow_reader(), scanner.flow_reader()
        assert flows.summary([0, 1], seed, None, True)["addresses"] == 5001
        for ask in (
            scanner.flow_reader,
            scanner.run,
            scanner.step,
            lambda: before.read(0, 1),
            lambda: before.endpoints(seed),
            lambda: before.summary([0, 1], seed),
            lambda: flows.summary([0, 1], seed),
            lambda: flows.summary([0, 1], seed, None, True),
        ):
            with pytest.raises(ValueError, match="for the last time"):
                ask()
        assert scanner.batch_numbers(array("Q"), array("I"), array("I"), array("B")) is None
        assert scanner.batch_event_count == 0


@pytest.mark.parametrize("sizes", [(0,), (0, 1), (7, 1000, 0, 0), tuple(range(60)), (1400, *[3] * 20)])
def test_the_largest_come_first_and_of_equals_those_with_the_lower_addresses(sizes: tuple[int, ...]) -> None:
    """2,500 clients of one server: of 1,000 addresses and 100 pairs are told."""
    client_of = [(number * 7919) % 2500 for number in range(2500)]
    length_of = [sizes[number % len(sizes)] for number in range(2500)]
    data = pcap_file(
        tcp_frame(client, flags=DATA, payload=bytes(length))
        for client, length in zip(client_of, length_of, strict=True)
    )
    analysis = analyze_capture(io.BytesIO(data))
    ranked = sorted((-(54 + length), client) for client, length in zip(client_of, length_of, strict=True))
    names = [(f"10.0.{client >> 8}.{client & 255}", -size) for size, client in ranked]
    server, *rest = [(row.address, row.bytes_sent + row.bytes_received) for row in analysis.endpoints.rows]
    assert server == ("172.16.0.1", sum(size for _, size in names))
    assert rest == names[:999]
    assert [(row.a, row.bytes_ab + row.bytes_ba) for row in analysis.conversations] == names[:100]
