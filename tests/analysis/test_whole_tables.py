"""What an analysis gives as tables: all endpoints and interfaces, not only the report's, and packets read again."""

import io

import pytest

from pcap_analyzer import analyze_capture, open_capture
from tests.scan.files import enhanced, interface, pcap_file, section, tcp_frame


def test_endpoints_are_all_addresses_most_bytes_first(tmp_path):
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap_file([tcp_frame(number, payload=b"x" * (number % 50)) for number in range(3000)]))
    analysis = analyze_capture(path)
    table = analysis.table("endpoints").read_all()
    assert table.num_rows == analysis.endpoints.total == 3001
    rows = table.to_pylist()
    assert rows[0] == {
        "address": "172.16.0.1",
        "flows": 3000,
        "packets_sent": 0,
        "packets_received": 3000,
        "bytes_sent": 0,
        "bytes_received": 3000 * 54 + 60 * sum(range(50)),
    }
    assert [row["bytes_sent"] for row in rows[1:]] == sorted((row["bytes_sent"] for row in rows[1:]), reverse=True)
    assert [row["address"] for row in rows[:1000]] == [row.address for row in analysis.endpoints.rows]
    assert analysis.table("endpoints", ["flows"], batch_size=7).read_all()["flows"].to_pylist()[:2] == [3000, 1]


def test_interfaces_are_all_that_are_described(tmp_path):
    path = tmp_path / "many.pcapng"
    frames = b"".join(enhanced(tcp_frame(1), number, interface_id=number * 1000) for number in range(3))
    path.write_bytes(section() + interface() * 2500 + frames)
    analysis = analyze_capture(path)
    table = analysis.table("interfaces", batch_size=999).read_all()
    assert table["interface_id"].to_pylist() == list(range(2500))
    assert [number for number, packets in enumerate(table["packets"].to_pylist()) if packets] == [0, 1000, 2000]


def test_packets_and_their_events_are_read_from_the_file_again(tmp_path):
    path = tmp_path / "few.pcap"
    path.write_bytes(pcap_file([tcp_frame(1, seq=1000, payload=b"data")] * 3))
    analysis = analyze_capture(path)
    for name in ("packets", "tcp_events"):
        with open_capture(path) as opened:
            expected = getattr(opened, name)().read_all()
        assert expected.num_rows
        assert getattr(analysis, name)().read_all() == analysis.table(name).read_all() == expected
    assert analysis.packets(["frame_number"], batch_size=2).read_next_batch().to_pydict() == {"frame_number": [1, 2]}
    with pytest.raises(KeyError, match="nope"):
        analysis.packets(["nope"])


def test_of_a_capture_that_was_no_file_packets_are_not_read_again():
    analysis = analyze_capture(io.BytesIO(pcap_file([tcp_frame(1)])))
    with pytest.raises(ValueError, match="came from no file"):
        analysis.packets()
