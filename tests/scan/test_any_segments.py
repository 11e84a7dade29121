"""Whatever is sent, threads, batches and what is asked for change nothing: the fuzzer's claims, on a few inputs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import tcp
from tests.fuzz.tcp_input import BYTES, conversations


@pytest.mark.parametrize("data", [pytest.param(data, id=f"conversation {n}") for n, data in enumerate(conversations())])
def test_a_conversation_is_told_the_same_and_adds_up(data: bytes) -> None:
    tcp.one(data)


@settings(max_examples=100)
@given(st.lists(st.binary(min_size=BYTES, max_size=BYTES), max_size=40).map(b"".join))
def test_any_segments_are_told_the_same_and_add_up(data: bytes) -> None:
    tcp.one(data)
