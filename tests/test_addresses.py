import numpy as np
import pytest

from pcap_analyzer.address_keys import address_keys
from pcap_analyzer.addresses import address_text, key_text

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


def rows(*addresses: bytes) -> np.ndarray:
    return np.frombuffer(b"".join(addresses), "u1").reshape(-1, 16)


def test_a_key_says_its_version_without_an_extra_byte():
    keys = address_keys(rows(V4, V6), np.array([4, 6], "u1"))
    assert keys.shape == (2, 16)
    assert [key_text(key.tobytes()) for key in keys] == ["192.0.2.1", "2001:db8::1"]


def test_a_mapped_address_of_ipv6_is_not_taken_for_ipv4():
    keys = address_keys(rows(V4, V4), np.array([4, 6], "u1"))
    assert [key_text(key.tobytes()) for key in keys] == ["192.0.2.1", "::ffff:192.0.2.1"]
