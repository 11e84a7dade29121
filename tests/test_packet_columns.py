"""From decoded records to the public columns: values, nulls, dictionaries."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from pcap_analyzer import packet_columns as columns
from pcap_analyzer.packet_columns import NO_VLAN, NONE, DecodedBatch, packet_batch
from pcap_analyzer.schema import PACKETS

PACKET = np.dtype(
    [
        ("timestamp", "i8"),
        ("captured_length", "u4"),
        ("original_length", "u4"),
        ("interface_id", "u4"),
        ("payload_length", "u4"),
        ("src", "V16"),
        ("dst", "V16"),
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("tcp_seq", "u4"),
        ("tcp_ack", "u4"),
        ("tcp_window", "u2"),
        ("tcp_flags", "u2"),
        ("protocol", "u1"),
        ("ttl", "u1"),
        ("traffic_class", "u1"),
        ("ip_version", "u1"),
        ("ip_id", "u2"),
        ("fragment_offset", "u2"),
        ("vlan_id", "u2"),
        ("inner_vlan_id", "u2"),
        ("path", "u2"),
        ("present", "u2"),
        ("decode_status", "u1"),
        ("decode_layer", "u1"),
        ("icmp_type", "u1"),
        ("icmp_code", "u1"),
        ("link_type", "u2"),
        ("extra", "u4"),
        ("transport_length", "u2"),
    ]
)
SEGMENT = np.dtype(
    [("ack_rtt", "i8"), ("tcp_marks", "u4"), ("bytes_in_flight", "u4"), ("tcp_window", "u4"), ("judged", "u1")]
)
EXTRA = np.dtype([("outer_src", "V16"), ("outer_dst", "V16"), ("outer_version", "u1")])
PATHS = [(), ("eth", "ip", "tcp"), ("eth", "ip", "gre", "ipv6", "udp")]
TCP = columns.HAS_TIME | columns.HAS_IP | columns.HAS_PORTS | columns.HAS_TCP | columns.HAS_IP_ID


def four(last: int) -> bytes:
    return bytes([*bytes(10), 255, 255, 192, 0, 2, last])


def six(last: int) -> bytes:
    return bytes([0x20, 1, 0x0D, 0xB8, *bytes(11), last])


@pytest.fixture
def batch() -> DecodedBatch:
    """A TCP packet, one of IPv6 in GRE on VLAN 7, and one of which nothing could be read and that has no time."""
    packets = np.zeros(3, PACKET)
    packets["interface_id"] = packets["extra"] = NONE
    packets["vlan_id"] = packets["inner_vlan_id"] = NO_VLAN
    packets["link_type"] = 1
    packets["path"] = [1, 2, 0]
    packets["present"] = [
        TCP,
        columns.HAS_TIME | columns.HAS_IP | columns.HAS_PORTS | columns.HAS_UDP | columns.HAS_TUNNEL,
        0,
    ]
    packets["timestamp"] = [10**9, 2 * 10**9 + 1, 0]
    packets["src"] = np.array([four(1), six(1), bytes(16)], "V16")
    packets["dst"] = np.array([four(2), six(2), bytes(16)], "V16")
    packets["ip_version"] = [4, 6, 0]
    packets["protocol"] = [6, 17, 0]
    packets["traffic_class"] = [46 << 2 | 1, 0, 0]
    packets["src_port"] = [1234, 53, 0]
    packets["tcp_flags"] = [0x18, 0, 0]
    packets["payload_length"] = [5, 6, 0]
    packets["transport_length"] = [20, 8, 0]
    packets["vlan_id"][1] = 7
    packets["extra"][1] = 0
    packets["decode_status"] = [0, 0, 3]
    packets["decode_layer"] = [0, 0, 1]
    extras = np.zeros(1, EXTRA)
    extras["outer_src"], extras["outer_dst"], extras["outer_version"] = np.void(four(8)), np.void(four(9)), 4
    segments = np.zeros(3, SEGMENT)
    segments[0] = (20_000_000, 1 << 6, 1460, 64 << 7, 1)
    return DecodedBatch(
        np.array([1, 2, 4], "u8"),
        packets,
        segments,
        extras,
        PATHS,
        np.array([0, 1, NONE], "u4"),
        np.array([0, 0, NONE], "u4"),
        np.array([1, 0, 0], "u1"),
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("frame_number", [1, 2, 4]),
        ("interface_id", [None, None, None]),
        ("link_type", [1, 1, 1]),
        ("decode_status", ["complete", "complete", "unsupported"]),
        ("decode_layer", ["none", "none", "link"]),
        ("vlan_id", [None, 7, None]),
        ("tunnel", [None, "gre", None]),
        ("outer_src", [None, "192.0.2.8", None]),
        ("outer_dst", [None, "192.0.2.9", None]),
        ("ip_version", [4, 6, None]),
        ("src", ["192.0.2.1", "2001:db8::1", None]),
        ("dst", ["192.0.2.2", "2001:db8::2", None]),
        ("protocol", [6, 17, None]),
        ("dscp", [46, 0, None]),
        ("ecn", [1, 0, None]),
        ("ip_id", [0, None, None]),
        ("fragment_offset", [None, None, None]),
        ("src_port", [1234, 53, None]),
        ("icmp_type", [None, None, None]),
        ("payload_length", [5, 6, None]),
        ("flow_id", [0, 1, None]),
        ("stream", [0, 0, None]),
        ("from_client", [True, False, None]),
        ("tcp_flags", [0x18, None, None]),
        ("tcp_window", [64 << 7, None, None]),
        ("tcp_window_raw", [0, None, None]),
        ("tcp_marks", [1 << 6, None, None]),
        ("bytes_in_flight", [1460, None, None]),
        ("protocols", ["eth:ip:tcp", "eth:ip:gre:ipv6:udp", None]),
    ],
)
def test_a_column_has_its_values_and_its_nulls(batch, name, values):
    assert packet_batch(batch, (name,)).column(0).to_pylist() == values


def test_a_record_without_time_has_no_timestamp(batch):
    column = packet_batch(batch, ("timestamp",)).column(0)
    assert column.cast(pa.int64()).to_pylist() == [10**9, 2 * 10**9 + 1, None]
    assert column[0].as_py() == dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)


def test_the_payload_behind_an_endless_tcp_header_is_not_known(batch):
    batch.packets["decode_status"][0], batch.packets["transport_length"][0] = columns.MALFORMED, 0
    assert packet_batch(batch, ("payload_length",))["payload_length"].to_pylist() == [None, 6, None]


def test_all_columns_come_in_the_order_of_the_schema_and_are_valid_arrow(batch):
    table = packet_batch(batch)
    table.validate(full=True)
    assert tuple(table.schema.names) == PACKETS.columns


def test_fragments_say_offset_and_whether_more_follow(batch):
    batch.packets["present"][0] |= columns.HAS_FRAGMENT | columns.MORE_FRAGMENTS
    batch.packets["fragment_offset"][0] = 1480
    fragments = packet_batch(batch, ("fragment_offset", "more_fragments"))
    assert fragments.to_pylist()[0] == {"fragment_offset": 1480, "more_fragments": True}
    assert fragments.to_pylist()[1] == {"fragment_offset": None, "more_fragments": None}


def test_an_address_stands_once_in_the_dictionary(batch):
    batch.packets["src"][:2] = np.void(four(1))
    batch.packets["ip_version"][:2] = 4
    assert packet_batch(batch, ("src",)).column(0).dictionary.to_pylist() == ["192.0.2.1"]


def test_an_empty_batch_has_all_columns_and_no_rows(batch):
    empty = DecodedBatch(*(value[:0] if isinstance(value, np.ndarray) else value for value in vars(batch).values()))
    table = packet_batch(empty)
    table.validate(full=True)
    assert (table.num_rows, tuple(table.schema.names)) == (0, PACKETS.columns)


def test_an_unknown_column_is_refused(batch):
    with pytest.raises(KeyError):
        packet_batch(batch, ("colour",))
