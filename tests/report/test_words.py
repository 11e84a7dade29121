"""Numbers and texts as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.report import words
from pcap_analyzer.report.text import MAX_LENGTH, plain


def spaced(text: str) -> str:
    return text.replace(words.SPACE, " ")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.00 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (2_700_000_000, "2.70 GB"),
    ],
)
def test_sizes_have_three_digits(number, text):
    assert spaced(words.size(number)) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "–"),
        (0, "0 ns"),
        (83_000, "83.0 µs"),
        (4_210_000, "4.21 ms"),
        (59_900_000_000, "59.9 s"),
        (7_980_000_000_000, "2 h 13 min"),
        (90_000_000_000_000, "1 d 1 h"),
        (3_600_000_000_000, "1 h"),
        (140_000_000_000_000_000, "4 y 160 d"),
    ],
)
def test_durations(ns, text):
    assert spaced(words.duration(ns)) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 1_000_000, "< 0.1 %"),
        (999_999, 1_000_000, "> 99.9 %"),
        (1, 3, "33.3 %"),
        (1, 40, "2.50 %"),
    ],
)
def test_a_share_never_says_none_of_some_nor_all_of_less(part, whole, text):
    assert spaced(words.share(part, whole)) == text


def test_rates_of_no_time_are_a_dash():
    assert words.bit_rate(100, 0) == "–"
    assert words.packet_rate(100, 0) == "–"
    assert spaced(words.bit_rate(12_500_000, words.SECOND)) == "100 Mbit/s"
    assert spaced(words.packet_rate(12_500, words.SECOND)) == "12.5 k packets/s"


def test_moments_are_utc_to_the_microsecond():
    assert spaced(words.moment(1_715_000_000_123_456_789)) == "2024-05-06 12:53:20.123456 UTC"
    assert spaced(words.moment(-1)) == "1969-12-31 23:59:59.999999 UTC"


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_of_64_bits_can_be_written(ns):
    assert words.moment(ns).endswith("UTC")


def test_an_ipv6_address_with_a_port_is_bracketed():
    assert words.socket("2001:db8::1", 443) == "[2001:db8::1]:443"
    assert words.socket("192.0.2.1", None) == "192.0.2.1"


@given(st.text(st.characters(), max_size=2 * MAX_LENGTH))
def test_any_text_becomes_short_printable_and_encodable(text):
    cleaned = plain(text)
    assert cleaned.isprintable()
    assert len(cleaned) <= MAX_LENGTH + 1
    cleaned.encode()


def test_terminal_escapes_and_bidirectional_overrides_do_not_pass():
    assert plain("a\x1b[31mb\u202ec\udc80\nd") == "a\ufffd[31mb\ufffdc\ufffd d"
