from ipaddress import IPv4Address, IPv6Address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.address_keys import address_keys
from pcap_analyzer.addresses import MAPPED, address_bytes, address_text, key_text

V4 = bytes.fromhex("00000000000000000000ffffc0000201")
V6 = bytes.fromhex("20010db8000000000000000000000001")


@pytest.mark.parametrize(
    ("address", "ip_version", "text"),
    [
        (V4, 4, "192.0.2.1"),
        (V4, 6, "::ffff:192.0.2.1"),
        (V6, 6, "2001:db8::1"),
        (bytes(16), 6, "::"),
        (bytes.fromhex("20010db8000000010001000100010001"), 6, "2001:db8:0:1:1:1:1:1"),
    ],
)
def test_an_address_is_written_as_rfc_5952_says(address, ip_version, text):
    assert address_text(address, ip_version) == text


@given(st.lists(st.sampled_from([b"\0\0", b"\0\1", b"\xff\xff", b"\x0a\x00"]), min_size=8, max_size=8).map(b"".join))
def test_an_address_is_written_as_python_does_it_and_read_back(address):
    text = address_text(address, 6)
    assert address_bytes(text) == address
    if not address.startswith(MAPPED):
        assert text == str(IPv6Address(address))


@given(st.binary(min_size=4, max_size=4))
def test_an_address_of_four_bytes_too(address):
    assert address_text(MAPPED + address, 4) == str(IPv4Address(address))
    assert address_bytes(str(IPv4Address(address))) == MAPPED + address


def rows(*addresses: bytes) -> np.ndarray:
    return np.frombuffer(b"".join(addresses), "u1").reshape(-1, 16)


def test_a_key_says_its_version_without_an_extra_byte():
    keys = address_keys(rows(V4, V6), np.array([4, 6], "u1"))
    assert keys.shape == (2, 16)
    assert [key_text(key.tobytes()) for key in keys] == ["192.0.2.1", "2001:db8::1"]


def test_a_mapped_address_of_ipv6_is_not_taken_for_ipv4():
    keys = address_keys(rows(V4, V4), np.array([4, 6], "u1"))
    assert [key_text(key.tobytes()) for key in keys] == ["192.0.2.1", "::ffff:192.0.2.1"]
