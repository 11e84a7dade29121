"""Endpoints and interfaces as tables: all of them, not only those of the report."""

from pcap_analyzer import analyze_capture
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
