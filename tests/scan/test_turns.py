"""A batch is tracked in turns of like packets (native/ahead.pxd), and nothing shows of it: numbers come in the order of
the file, and of a flow packets are taken in their order.
"""

import io
from random import Random

import pytest

from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.native.frames import ethernet, ipv4, udp
from tests.scan.files import ACK, DATA, FIN_ACK, RST, SYN, pcap_file, tcp_frame

COLUMNS = ["frame_number", "flow_id", "stream", "from_client", "tcp_marks", "bytes_in_flight", "ack_rtt"]


def mixed(seed: int, *, flows: int, count: int) -> bytes:
    """Streams that begin with anything, and go on with anything, among UDP, DNS and resets; ports are used again."""
    dice, sent = Random(seed), dict[int, int]()
    made = []
    for _ in range(count):
        flow = dice.randrange(flows)
        seq = sent.get(flow, 1000)
        kind = dice.choices(("ack", "data", "syn", "fin", "reset", "udp", "dns"), (30, 40, 5, 3, 2, 15, 5))[0]
        if kind in {"udp", "dns"}:
            no_message = udp(2000 + flow % 50000, 53 if kind == "dns" else 9, bytes(12))
            made.append(ethernet(ipv4(no_message, 17)))
        elif kind == "ack":
            made.append(tcp_frame(flow, reply=True, seq=2000, ack=seq, flags=ACK))
        else:
            payload = bytes(dice.randrange(1, 100)) if kind == "data" else b""
            flags = {"data": DATA, "syn": SYN, "fin": FIN_ACK, "reset": RST}[kind]
            again = dice.random() < 0.1
            made.append(tcp_frame(flow, seq=seq - len(payload) if again else seq, flags=flags, payload=payload))
            sent[flow] = seq if again else seq + len(payload)
    return pcap_file(made)


def packets(data: bytes, batch_rows: int, threads: int = 1) -> list[dict[str, object]]:
    with open_capture(io.BytesIO(data), threads=threads) as opened:
        return opened.packets(COLUMNS, batch_size=batch_rows).read_all().to_pylist()


@pytest.mark.parametrize("flows", [1, 3, 40, 3000])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_and_marks_are_those_of_packets_taken_one_by_one(flows, seed):
    data = mixed(seed, flows=flows, count=4000)
    one_by_one = packets(data, 1)
    assert len(one_by_one) == 4000
    numbers = [row["flow_id"] for row in one_by_one]
    first_seen = list(dict.fromkeys(numbers))
    assert first_seen == sorted(first_seen)
    for batch_rows, threads in ((4000, 1), (1000, 1), (4000, 2), (77, 3)):
        assert packets(data, batch_rows, threads) == one_by_one


@pytest.mark.parametrize("flows", [3, 3000])
def test_flows_are_the_same_whatever_is_tracked_at_a_time(flows):
    data = mixed(7, flows=flows, count=6000)
    expected = analyze_capture(io.BytesIO(data), threads=1, batch_size=1)
    rows = expected.flows().read_all()
    assert rows.num_rows >= flows
    for batch_size, threads in ((6000, 1), (1000, 2)):
        found = analyze_capture(io.BytesIO(data), threads=threads, batch_size=batch_size)
        assert found.flows().read_all().equals(rows)
        assert (repr(found.tcp) == repr(expected.tcp)) is True  # histograms do not compare, and are long
