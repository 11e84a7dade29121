"""The benchmark captures hold what their truth says, counted here by a walk of its own."""

import json
import struct

import pytest

from benchmarks.__main__ import ATTACKS, attack_recipes, slow_attacks
from benchmarks.adversarial import CASES, cases_for
from benchmarks.generate import FLOW_MODES, generate

MEGABYTE = 1_000_000


def walk(data):
    """(captured bytes, original length) of every record of a little-endian pcap or pcapng file."""
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from walk_blocks(data)
        return
    at = 24
    while at < len(data):
        captured, original = struct.unpack_from("<II", data, at + 8)
        yield data[at + 16 : at + 16 + captured], original
        at += 16 + captured
    assert at == len(data)


def walk_blocks(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        if kind == 6:
            captured, original = struct.unpack_from("<II", data, at + 20)
            yield data[at + 28 : at + 28 + captured], original
        at += length
    assert at == len(data)


def flow_of(frame):
    """The five-tuple of an Ethernet frame, its ends in no order."""
    at = 18 if frame[12:14] == b"\x81\x00" else 14
    is_ipv4 = frame[at] >> 4 == 4
    first, size, protocol, header = (12, 4, frame[at + 9], 20) if is_ipv4 else (8, 16, frame[at + 6], 40)
    ends = [
        (frame[at + first + size * side :][:size], frame[at + header + 2 * side :][:2])  # address, port
        for side in (0, 1)
    ]
    return protocol, *sorted(ends)


@pytest.mark.parametrize("file_format", ["pcap", "pcap-ns", "pcapng"])
@pytest.mark.parametrize("mode", FLOW_MODES)
def test_packets_bytes_and_flows_are_those_of_the_truth(tmp_path, mode, file_format):
    path = tmp_path / "capture"
    flows = None if mode == "many_flows" else 60
    truth = generate(path, mode, size=MEGABYTE, flows=flows, file_format=file_format)
    records = list(walk(path.read_bytes()))
    found = {flow_of(frame) for frame, _ in records}
    assert truth["packets"] == len(records)
    assert truth["frame_bytes"] == sum(original for _, original in records)
    assert truth["tcp_flows"] == sum(protocol == 6 for protocol, *_ in found)
    assert truth["udp_flows"] == sum(protocol == 17 for protocol, *_ in found)
    assert abs(truth["file_bytes"] / MEGABYTE - 1) < 0.3
    assert json.loads((tmp_path / "capture.json").read_text()) == truth


@pytest.mark.parametrize("file_format", ["pcap", "pcapng"])
def test_every_adversarial_case_can_be_walked(tmp_path, file_format):
    for case in cases_for(file_format):
        truth = generate(tmp_path / case, "adversarial", size=MEGABYTE // 10, file_format=file_format, case=case)
        records = list(walk((tmp_path / case).read_bytes()))
        assert truth["packets"] == len(records)
        assert truth["captured_bytes"] == sum(len(frame) for frame, _ in records)


def test_the_same_seed_gives_the_same_file(tmp_path):
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        generate(tmp_path / name, "mixed", size=MEGABYTE, flows=50, seed=seed)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_every_adversarial_case_is_in_the_table():
    assert {case for case, _ in ATTACKS} == set(CASES)


def test_attacks_are_chosen_by_name():
    assert [recipe.name for recipe in attack_recipes(["descending"])] == ["attack-descending-pcap"]
    assert len(list(attack_recipes())) == len(ATTACKS)


def test_attacks_that_take_too_long_are_named():
    rows = [
        {"capture": "mixed", "times_mixed": 1.0},
        {"capture": "attack-quick", "times_mixed": 1.99},
        {"capture": "attack-slow", "times_mixed": 2.01},
    ]
    assert slow_attacks(rows).endswith("attack-slow 2.01 (of 2)")
    assert slow_attacks(rows[:2]).endswith("none (of 1)")
