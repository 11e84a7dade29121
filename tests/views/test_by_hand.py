"""One flow of ten packets, small enough to check every figure of the views by hand.

        ms      from    payload flags           gap before it, in ms
    1   0       server  100     PSH ACK
    2   0.5     server  200     ACK             0.5
    3   2       client  0       ACK             1.5
    4   10      server  300     ACK             8
    5   20      server  400     ACK             10
    6   30      server  500     PSH ACK         10
    7   40      server  600     ACK             10
    8   1540    client  10      PSH ACK         1500: a new subflow
    9   7540    server  50      ACK             6000: idle, a new subflow
    10  7550    server  0       FIN ACK         10

Captured from the middle: the client is the side with the higher port, and the first packet is the server's, so that
"forward" is the server. Frames are 54 bytes longer than their payload, IP lengths 40.
"""

from fractions import Fraction
from math import isclose, sqrt

import pytest

from pcap_analyzer import open_capture
from pcap_analyzer.schema import arrow_schema
from pcap_analyzer.views.tables import VIEWS
from tests.scan.files import pcap_file, pcap_record, tcp_frame

PSH, ACK, FIN, SYN = 0x08, 0x10, 0x01, 0x02
PACKETS = [  # us, from the server, payload, flags
    (0, True, 100, PSH | ACK),
    (500, True, 200, ACK),
    (2_000, False, 0, ACK),
    (10_000, True, 300, ACK),
    (20_000, True, 400, ACK),
    (30_000, True, 500, PSH | ACK),
    (40_000, True, 600, ACK),
    (1_540_000, False, 10, PSH | ACK),
    (7_540_000, True, 50, ACK),
    (7_550_000, True, 0, FIN | ACK),
]


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    sent = {True: 5000, False: 9000}
    records = []
    for time_us, reply, payload, flags in PACKETS:
        seq, ack = sent[reply], sent[not reply]
        sent[reply] += payload
        frame = tcp_frame(3, flags=flags, reply=reply, seq=seq, ack=ack, payload=b"x" * payload)
        records.append(pcap_record(frame, time_us))
    path = tmp_path_factory.mktemp("views") / "ten.pcap"
    path.write_bytes(pcap_file([]) + b"".join(records))
    return path


def row_of(capture, view):
    with open_capture(capture) as opened:
        table = opened.view(view).read_all()
    assert table.schema.equals(arrow_schema(VIEWS[view]), check_metadata=True)
    (row,) = table.to_pylist()
    return row


def deviation(values):
    mean = Fraction(sum(values), len(values))
    return sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def check(row, expected):
    for name, value in expected.items():
        close = isclose(row[name], value, rel_tol=1e-12) if isinstance(value, float) else row[name] == value
        assert close, (name, row[name], value)


def test_zeek_conn(capture):
    row = row_of(capture, "zeek_conn")
    assert row.pop("ts").value == 1_700_000_000 * 10**9
    assert row.pop("duration").value == 7_550_000_000
    assert row.pop("community_id").startswith("1:")
    assert "d" in row.pop("history").lower()
    assert row == {
        "uid": "F0",
        "id.orig_h": "10.0.0.3",
        "id.orig_p": 1027,
        "id.resp_h": "172.16.0.1",
        "id.resp_p": 80,
        "proto": "tcp",
        "orig_bytes": 10,
        "resp_bytes": 2150,
        "conn_state": "OTH",
        "missed_bytes": 0,
        "orig_pkts": 2,
        "orig_ip_bytes": 2 * 40 + 10,
        "resp_pkts": 8,
        "resp_ip_bytes": 8 * 40 + 2150,
        "ip_proto": 6,
        "vlan": None,
    }


def test_nfstream(capture):
    forward, backward = [154, 254, 354, 454, 554, 654, 104, 54], [54, 64]
    both = [154, 254, 54, 354, 454, 554, 654, 64, 104, 54]
    gaps, forward_gaps = [0, 2, 8, 10, 10, 10, 1500, 6000, 10], [0, 10, 10, 10, 10, 7500, 10]
    check(
        row_of(capture, "nfstream"),
        {
            "id": 0,
            "src_ip": "172.16.0.1",
            "src_port": 80,
            "dst_ip": "10.0.0.3",
            "dst_port": 1027,
            "protocol": 6,
            "vlan_id": 0,
            "bidirectional_first_seen_ms": 1_700_000_000_000,
            "bidirectional_duration_ms": 7550,
            "bidirectional_packets": 10,
            "bidirectional_bytes": sum(both),
            "src2dst_bytes": sum(forward),
            "src2dst_duration_ms": 7550,
            "dst2src_first_seen_ms": 1_700_000_000_002,
            "dst2src_duration_ms": 1538,
            "dst2src_packets": 2,
            "bidirectional_min_ps": 54,
            "bidirectional_mean_ps": 270.0,
            "bidirectional_max_ps": 654,
            "bidirectional_stddev_ps": deviation(both),
            "src2dst_stddev_ps": deviation(forward),
            "dst2src_stddev_ps": deviation(backward),
            "bidirectional_min_piat_ms": 0,
            "bidirectional_max_piat_ms": 6000,
            "bidirectional_mean_piat_ms": sum(gaps) / 9,
            "bidirectional_stddev_piat_ms": deviation(gaps),
            "src2dst_mean_piat_ms": sum(forward_gaps) / 7,
            "src2dst_stddev_piat_ms": deviation(forward_gaps),
            "dst2src_mean_piat_ms": 1538.0,
            "dst2src_stddev_piat_ms": 0.0,
            "bidirectional_ack_packets": 10,
            "src2dst_psh_packets": 2,
            "dst2src_psh_packets": 1,
            "src2dst_fin_packets": 1,
        },
    )


def test_cicflowmeter(capture):
    payloads = [100, 200, 0, 300, 400, 500, 600, 10, 50, 0]
    gaps = [500, 1500, 8000, 10_000, 10_000, 10_000, 1_500_000, 6_000_000, 10_000]
    check(
        row_of(capture, "cicflowmeter"),
        {
            "Flow ID": "172.16.0.1-10.0.0.3-80-1027-6",
            "Flow Duration": 7_550_000,
            "Total Fwd Packet": 8,
            "Total Bwd packets": 2,
            "Total Length of Fwd Packet": 2150,
            "Total Length of Bwd Packet": 10,
            "Fwd Packet Length Max": 600,
            "Fwd Packet Length Min": 0,
            "Bwd Packet Length Std": deviation([0, 10]),
            "Flow Bytes/s": 2160 / 7.55,
            "Flow Packets/s": 10 / 7.55,
            "Flow IAT Mean": sum(gaps) / 9,
            "Flow IAT Std": deviation(gaps),
            "Flow IAT Max": 6_000_000,
            "Flow IAT Min": 500,
            "Fwd IAT Total": 7_550_000,
            "Bwd IAT Total": 1_538_000,
            "Bwd IAT Std": 0.0,
            "Fwd PSH Flags": 2,
            "Bwd PSH Flags": 1,
            "Fwd Header Length": 160,
            "Bwd Header Length": 40,
            "Packet Length Mean": 216.0,
            "Packet Length Std": deviation(payloads),
            "Average Packet Size": 216.0,
            "PSH Flag Count": 3,
            "ACK Flag Count": 10,
            "FIN Flag Count": 1,
            "Down/Up Ratio": 0.25,
            # The bulk is 1, 2, 4, 5, 6, 7: between them came no data of the other side.
            "Fwd Bytes/Bulk Avg": 2100.0,
            "Fwd Packet/Bulk Avg": 6.0,
            "Fwd Bulk Rate Avg": 2100 / 0.04,
            "Bwd Bytes/Bulk Avg": 0.0,
            "Subflow Fwd Packets": 8 / 3,
            "Subflow Bwd Bytes": 10 / 3,
            "FWD Init Win Bytes": 4096,
            "Bwd Init Win Bytes": 4096,
            "Fwd Act Data Pkts": 7,
            "Fwd Seg Size Min": 20,
            "Active Mean": (1_540_000 + 10_000) / 2,
            "Active Max": 1_540_000,
            "Active Min": 10_000,
            "Idle Mean": 6_000_000.0,
            "Idle Std": 0.0,
        },
    )


@pytest.mark.parametrize("view", VIEWS)
def test_batches_and_threads_change_nothing(tmp_path, view):
    """200 flows in turn, whose packets are spread over all batches."""
    records = [
        pcap_record(tcp_frame(number % 200, reply=number % 3 == 0, payload=b"x" * (number % 90)), number * 70_000)
        for number in range(4000)
    ]
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap_file([]) + b"".join(records))
    with open_capture(path, threads=1) as opened:
        whole = opened.view(view).read_all()
    with path.open("rb", buffering=0) as piped, open_capture(piped, threads=3) as opened:
        assert opened.view(view, batch_size=7).read_all().combine_chunks().to_pylist() == whole.to_pylist()
    assert whole.num_rows == 200
    with open_capture(path) as opened:
        names = list(VIEWS[view].columns[:3])
        assert opened.view(view, names[::-1]).read_all().column_names == names[::-1]
