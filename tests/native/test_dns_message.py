"""A DNS message is read as the slow twin reads it: any names, compressed and in loops, cut at every byte, damaged."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcap_analyzer._native.dns_table import read_dns_message
from tests.native.examples import examples
from tests.reference.dns_message import read_message

Read = dict[str, Any] | None

octets = st.integers(0, 255)
words = st.integers(0, 0xFFFF)
labels = st.one_of(
    st.binary(min_size=1, max_size=63),
    st.sampled_from([b"www", b"example", b"EXAMPLE", b"a.b", b"back\\slash", b"<script>", b"\x00", b"\xff", b" "]),
)


def pointer(target: int) -> bytes:
    return (0xC000 | target & 0x3FFF).to_bytes(2)


@st.composite
def names(draw: st.DrawFn) -> bytes:
    """Labels, and how they end: by the root, by a pointer anywhere, by a length that is none, or not at all."""
    many = draw(st.sampled_from([3, 3, 3, 130]))
    stem = b"".join(bytes([len(label)]) + label for label in draw(st.lists(labels, max_size=many)))
    ends = st.one_of(
        st.just(b"\0"), st.just(b"\0"), st.builds(pointer, st.integers(0, 80)), st.binary(min_size=1, max_size=2)
    )
    return stem + draw(ends)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    kind, size = draw(st.sampled_from([(1, 4), (28, 16), (5, 9), (1, 3), (41, 0), (16, 30)]))
    said = draw(st.sampled_from([size, size, size, size + 1, 0xFFFF]))
    return draw(names()) + struct.pack(">HHIH", kind, 1, 60, said) + draw(st.binary(min_size=size, max_size=size))


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    questions = draw(st.lists(names().map(lambda name: name + b"\0\x01\0\x01"), max_size=2))
    answers = draw(st.lists(records(), max_size=4))
    counts = draw(st.sampled_from([(len(questions), len(answers)), (1, len(answers)), (draw(words), draw(words))]))
    flags = draw(st.sampled_from([0x0100, 0x8180, 0x8183, 0x8580, 0x2800, 0x1800, 0xFFFF]))
    return struct.pack(">6H", draw(words), flags, *counts, 0, 0) + b"".join(questions + answers)


def kernel(data: bytes, length: int) -> Read:
    read = read_dns_message(data, length)
    if read is not None:
        read["question"] = bool(read["question"])
        version, address = read.pop("address_version"), read["address"]
        read["address"] = address and address[12 if version == 4 else 0 :]
    return read


def twin(data: bytes, length: int) -> Read:
    read = read_message(data, length)
    if read is None:
        return None
    return {
        "found": read.found,
        "id": read.id,
        "flags": read.flags,
        "name": read.name,
        "type": read.type,
        "class": read.klass,
        "question": read.asked is not None,
        "answers": read.answers,
        "address": read.address,
    }


@settings(max_examples=examples(600), derandomize=True)
@given(messages())
def test_a_message_is_read_as_the_twin_reads_it(data: bytes) -> None:
    assert kernel(data, len(data)) == twin(data, len(data))


@settings(max_examples=60, derandomize=True)
@given(messages())
def test_a_message_cut_at_every_byte_is_read_as_the_twin_reads_it(data: bytes) -> None:
    for kept in range(len(data)):
        assert kernel(data[:kept], len(data)) == twin(data[:kept], len(data))
        assert kernel(data[:kept], kept) == twin(data[:kept], kept)


@settings(max_examples=examples(600), derandomize=True)
@given(st.binary(max_size=80), st.integers(0, 100))
def test_bytes_that_are_anything_are_read_as_the_twin_reads_them(data: bytes, length: int) -> None:
    assert kernel(data, length) == twin(data, length)


@settings(max_examples=examples(300), derandomize=True)
@given(st.lists(labels, min_size=1, max_size=4))
def test_a_name_differs_from_another_by_more_than_case(name: list[bytes]) -> None:
    def question(parts: list[bytes]) -> int:
        wire = b"".join(bytes([len(part)]) + part for part in parts) + b"\0\0\x01\0\x01"
        read = read_dns_message(struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + wire, 12 + len(wire))
        assert read is not None
        return int(read["question"])

    assert question([part.swapcase() for part in name]) == question(name)
    changed = [name[0][:-1] + bytes([name[0][-1] ^ 1]), *name[1:]]
    assert question(changed) != question(name)


def message(name: bytes, *, before: bytes = b"") -> bytes:
    return struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + before + name + b"\0\x01\0\x01"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"\0", "."),
        (b"\x03www\x07Example\0", "www.Example"),
        (b"\x03a.b\x02\\\x00\0", "a\\.b.\\\\\\000"),
        (b'\x08<script>\x04\xc3\xa9 "\0', '<script>.\\195\\169\\032"'),
    ],
)
def test_a_name_is_escaped_as_rfc_4343_says(name: bytes, text: str) -> None:
    read = kernel(message(name), 16 + len(name))
    assert read is not None
    assert read["name"] == text


@pytest.mark.parametrize(
    "name",
    [
        pointer(12),  # to itself
        b"\x01a" + pointer(12),  # to its own begin
        pointer(14) + b"\0",  # forwards
        pointer(0),  # into the header
        b"\x40" + bytes(64) + b"\0",  # a label of a kind that is none
        (b"\x3f" + b"x" * 63) * 4 + b"\0",  # 257 bytes
    ],
)
def test_a_name_that_comes_back_or_is_too_long_is_no_name(name: bytes) -> None:
    assert kernel(message(name), 16 + len(name)) is None
