import pytest

from pcap_analyzer import iana


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (iana.link_type_name(1), "Ethernet"),
        (iana.link_type_name(4711), "link type 4711"),
        (iana.ethertype_name(0x0800), "IPv4"),
        (iana.ethertype_name(0x1234), "ethertype 0x1234"),
        (iana.protocol_name(6), "TCP"),
        (iana.protocol_name(200), "protocol 200"),
        (iana.service_name(6, 443), "https"),
        (iana.service_name(6, 12345), None),
        (iana.service_name(1, 80), None),
        (iana.icmp_type_name(4, 8), "echo request"),
        (iana.icmp_type_name(6, 128), "echo request"),
    ],
)
def test_a_number_has_a_name_or_says_its_number(name, expected):
    assert name == expected
