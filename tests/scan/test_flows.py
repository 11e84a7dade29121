"""Flows, their numbers, and what stays of them when there are more than fit."""

import io

import msgspec
import pytest

from pcap_analyzer.pipeline import analyze_capture, open_capture
from pcap_analyzer.report import build_report
from tests.scan.files import ACK, DATA, FIN_ACK, RST, SYN, SYN_ACK, pcap_file, tcp_frame

CONNECTION = [
    tcp_frame(1, flags=SYN, seq=100),
    tcp_frame(1, flags=SYN_ACK, seq=500, ack=101, reply=True),
    tcp_frame(1, flags=ACK, seq=101, ack=501),
    tcp_frame(1, flags=DATA, seq=101, ack=501, payload=b"question"),
    tcp_frame(1, flags=DATA, seq=501, ack=109, payload=b"answer", reply=True),
    tcp_frame(1, flags=FIN_ACK, seq=109, ack=507),
    tcp_frame(1, flags=FIN_ACK, seq=507, ack=110, reply=True),
]


def analyze(frames, **options):
    return analyze_capture(io.BytesIO(pcap_file(frames)), **options)


def numbers(frames):
    with open_capture(io.BytesIO(pcap_file(frames))) as capture:
        table = capture.packets(["flow_id", "stream", "from_client"]).read_all()
    return table.to_pydict()


def test_a_whole_connection_in_zeeks_words():
    (flow,) = analyze(CONNECTION).top_flows
    assert (flow.conn_state, flow.history, flow.ended) == ("SF", "ShADdFf", "fin")
    assert (flow.client, flow.client_port, flow.server, flow.server_port) == ("10.0.0.1", 1025, "172.16.0.1", 80)
    assert (flow.client_packets, flow.server_packets) == (4, 3)
    assert (flow.client_payload_bytes, flow.server_payload_bytes) == (8, 6)
    assert (flow.handshake_network_ns, flow.handshake_client_ns, flow.initial_rtt_ns) == (1000, 1000, 2000)


@pytest.mark.parametrize(
    ("frames", "state", "history"),
    [
        (CONNECTION[:1], "S0", "S"),
        (CONNECTION[:3], "S1", "ShA"),
        ([CONNECTION[0], tcp_frame(1, flags=RST | ACK, seq=0, ack=101, reply=True)], "REJ", "Sr"),
        ([*CONNECTION[:3], tcp_frame(1, flags=RST, seq=101)], "RSTO", "ShAR"),
        ([*CONNECTION[:3], tcp_frame(1, flags=RST, seq=501, reply=True)], "RSTR", "ShAr"),
        (CONNECTION[1:2], "OTH", "^h"),
        (CONNECTION[3:5], "OTH", "Dd"),
    ],
)
def test_connection_states(frames, state, history):
    (flow,) = analyze(frames).top_flows
    assert (flow.conn_state, flow.history) == (state, history)


def test_syns_sent_again_are_counted_and_the_last_one_measures():
    (flow,) = analyze([CONNECTION[0], CONNECTION[0], CONNECTION[0], *CONNECTION[1:]]).top_flows
    assert flow.syn_retries == 2
    assert flow.handshake_network_ns == 1000


def test_ports_used_again_open_a_new_stream():
    again = [tcp_frame(1, flags=SYN, seq=90_000), tcp_frame(1, flags=SYN_ACK, seq=7, ack=90_001, reply=True)]
    assert numbers([*CONNECTION, *again])["stream"] == [0] * 7 + [1] * 2


def test_the_same_syn_again_stays_in_its_stream():
    assert numbers([CONNECTION[0], CONNECTION[0]])["stream"] == [0, 0]


def test_the_client_is_decided_on_the_first_packet():
    assert numbers(CONNECTION[1:3])["from_client"] == [False, True]


@pytest.mark.parametrize("threads", [1, 2])
def test_flows_beyond_the_limit_are_written_out_and_joined_again(threads):
    # 3,000 flows of which 200 fit, each seen in four rounds that are 65,536 frames apart at least.
    rounds = [
        [tcp_frame(client, flags=flags, seq=seq) for client in range(3000)] + [tcp_frame(9_000_000, seq=5)] * 66_000
        for flags, seq in ((SYN, 1), (ACK, 2), (DATA, 3), (FIN_ACK, 4))
    ]
    frames = [frame for one in rounds for frame in one]
    whole, tight = analyze(frames), analyze(frames, flow_limit=200, threads=threads)
    assert whole.marks_exact
    assert not tight.marks_exact
    assert tight.evicted_flows > 3000

    def told(analysis):
        report = msgspec.json.decode(msgspec.json.encode(build_report(analysis)))
        # A flow that was written out is judged anew when it returns: marks_exact says so.
        for name in ("analysis", "initial_rtt"):
            report["tcp"].pop(name)
        report["intervals"].pop("tcp")
        report["flows"].pop("retransmitting")
        for row in report["flows"]["top"]:
            for name in ("client_tcp", "server_tcp", "initial_rtt_ns"):
                row.pop(name)
        return {name: report[name] for name in ("capture", "flows", "tcp", "endpoints", "protocols", "intervals")}

    assert told(tight) == told(whole)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"threads": -1}, {"threads": 17}, {"batch_size": 0}])
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="expected 1 to"):
        analyze(CONNECTION, **wrong)
