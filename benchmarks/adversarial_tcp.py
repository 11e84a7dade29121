"""Captures that try to make the judgement of TCP slow or large: one function a case, the attack in its docstring."""

import numpy as np

from benchmarks import frames as f
from benchmarks.cases import (
    CLIENTS_FROM,
    FLOW_LENGTH,
    Case,
    Fill,
    data_seq,
    handshake,
    ip_id,
    one_each,
    own_port,
    segment,
)
from benchmarks.records import Format, Frame, Int64, Patch

SEGMENT = b"s" * 100
SACK_BLOCKS = 4  # as many as fit into the options


def duplicates(server: int, file_format: Format) -> Case:
    """A hundred thousand copies of one segment in a connection, then the next connection."""
    frames = [*handshake(server), segment(server, b"x" * 100, seq=1), segment(server, ack=101, from_client=False)]

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, np.where(step % 1000 == 999, 4, 3))
        return frame, [*own_port(number // FLOW_LENGTH, frame, (1, 4)), ip_id(number)]

    return Case(frames, fill, one_each(FLOW_LENGTH))


def half_open(server: int, file_format: Format) -> Case:
    """A SYN flood: every packet opens a connection from an address of its own."""

    def fill(number: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        seq = rng.integers(0, 1 << 32, len(number))
        patches = [Patch(f.SOURCE_AT, CLIENTS_FROM + number % (1 << 24)), Patch(f.SEQ_AT, seq), ip_id(number)]
        patches.append(Patch(f.SOURCE_PORT_AT, 1024 + (number >> 24), 2))
        return np.zeros(len(number), np.int64), patches

    return Case([segment(server, flags=f.SYN)], fill, one_each(1))


def overlaps(server: int, file_format: Format) -> Case:
    """Segments that overlap the one before, by turns at its front and at its back; nothing is ever acknowledged."""
    frames = [*handshake(server), segment(server, b"o" * 200), segment(server, b"u" * 300)]

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, 3 + step % 2)
        seq = 1 + (step // 2) * 150 + np.where(step % 2 == 0, 50, -100)
        return frame, [*own_port(number // FLOW_LENGTH, frame, (1,)), data_seq(step, seq), ip_id(number)]

    return Case(frames, fill, one_each(FLOW_LENGTH))


def holes(server: int, file_format: Format) -> Case:
    """Every second segment is missing for good, while the receiver's SACK blocks jump about."""
    sack = b"\x01\x01\x05\x12" + bytes(16)
    answer = segment(server, ack=1, from_client=False, options=sack)
    frames = [*handshake(server), segment(server, b"h" * 100), answer]

    def fill(number: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, np.where(step % 4 == 3, 4, 3))
        answers = np.flatnonzero(frame == 4)
        left = 1 + 200 * rng.integers(0, step[answers] + 1)
        blocks = [
            Patch(f.TCP_OPTIONS_AT + 4 + 4 * place, left + edge, rows=answers)
            for place, edge in enumerate((0, 100, 400, 500))
        ]
        segments = np.flatnonzero(frame == 3)
        seq = Patch(f.SEQ_AT, 1 + step[segments] * 200, rows=segments)
        return frame, [*own_port(number // FLOW_LENGTH, frame, (1, 4)), seq, *blocks, ip_id(number)]

    return Case(frames, fill, one_each(FLOW_LENGTH))


def port_reuse(server: int, file_format: Format) -> Case:
    """The same pair of ports again and again, each time with another initial sequence number."""
    frames = [segment(server, flags=f.SYN), segment(server, flags=f.RST | f.ACK, from_client=False)]

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        # An odd constant: no two neighbours have the same initial sequence number.
        first = (number // 2) * 2654435761
        frame = number % 2
        return frame, [Patch(np.where(frame == 0, f.SEQ_AT, f.ACK_AT), first + frame), ip_id(number)]

    return Case(frames, fill, one_each(2))


def descending(server: int, file_format: Format) -> Case:
    """A transfer backwards: each segment comes right before the one before it, and nothing is ever acknowledged."""
    return _in_order(server, np.arange(FLOW_LENGTH)[::-1])


def shuffled(server: int, file_format: Format) -> Case:
    """A hundred thousand segments in random order, none twice, and nothing is ever acknowledged."""
    return _in_order(server, np.random.default_rng(server).permutation(FLOW_LENGTH))


def filled_holes(server: int, file_format: Format) -> Case:
    """Five thousand holes, one between any two segments; then they are filled in random order, and so on."""
    stretch, half = 10_000, 5_000
    late = np.random.default_rng(server).permutation(half)
    order = np.concatenate([2 * np.arange(half), 2 * late + 1])
    begin = np.arange(0, FLOW_LENGTH, stretch)
    return _in_order(server, (begin[:, None] + order).ravel())


def sack_heavy(server: int, file_format: Format) -> Case:
    """Every second packet is an ACK with four SACK blocks anywhere in the flight; each first one is a DSACK."""
    options = b"\x01\x01\x05" + bytes([2 + 8 * SACK_BLOCKS]) + bytes(8 * SACK_BLOCKS)
    answer = segment(server, ack=1, from_client=False, options=options)
    frames = [*handshake(server), segment(server, SEGMENT), answer]

    def fill(number: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, 3 + step % 2)
        answers, segments = np.flatnonzero(frame == 4), np.flatnonzero(frame == 3)
        acked = 1 + 100 * np.maximum(0, step[answers] - 2000)
        patches = [Patch(f.SEQ_AT, 1 + 50 * step[segments], rows=segments), Patch(f.ACK_AT, acked, rows=answers)]
        for block in range(SACK_BLOCKS):
            left = acked + 100 * rng.integers(1, 1000, len(answers)) if block else acked - 100
            for edge in (0, 1):
                at = f.TCP_OPTIONS_AT + 4 + 8 * block + 4 * edge
                patches.append(Patch(at, left + 100 * edge, rows=answers))
        return frame, [*own_port(number // FLOW_LENGTH, frame, (1, 4)), *patches, ip_id(number)]

    return Case(frames, fill, one_each(FLOW_LENGTH))


def resets(server: int, file_format: Format) -> Case:
    """A hundred thousand resets in one connection, by turns from either side, with random sequence numbers."""
    frames = [*handshake(server), segment(server, flags=f.RST), segment(server, flags=f.RST, from_client=False)]

    def fill(number: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.where(step < 3, step, 3 + step % 2)
        seq = data_seq(step, rng.integers(0, 1 << 32, len(number)))
        return frame, [*own_port(number // FLOW_LENGTH, frame, (1, 4)), seq, ip_id(number)]

    return Case(frames, fill, one_each(FLOW_LENGTH))


def stray_resets(server: int, file_format: Format) -> Case:
    """What a flood with forged addresses brings back: every packet is a reset to an address of its own."""

    def fill(number: Int64, rng: np.random.Generator) -> tuple[Int64, list[Patch]]:
        ack = rng.integers(0, 1 << 32, len(number))
        patches = [Patch(f.DESTINATION_AT, CLIENTS_FROM + number % (1 << 24)), Patch(f.ACK_AT, ack), ip_id(number)]
        patches.append(Patch(f.DESTINATION_PORT_AT, 1024 + (number >> 24), 2))
        return np.zeros(len(number), np.int64), patches

    return Case([segment(server, flags=f.RST | f.ACK, from_client=False)], fill, one_each(1))


def tiny_windows(server: int, file_format: Format) -> Case:
    """A receiver that takes one byte at a time: the byte, a closed window, a probe, its answer, one byte of room."""
    closed, open_again = (segment(server, ack=1, from_client=False, window=room) for room in (0, 1))
    frames = [*handshake(server), segment(server, b"w"), closed, open_again]
    turns = np.array([3, 4, 3, 4, 5])

    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        turn, place = np.divmod(np.maximum(step - 3, 0), len(turns))
        frame = np.where(step < 3, step, turns[place])
        sent, answers = np.flatnonzero(frame == 3), np.flatnonzero(frame > 3)
        # The probe is thrown away: its byte is sent again in the next turn.
        seq = Patch(f.SEQ_AT, 1 + turn[sent] + (place[sent] == 2), rows=sent)
        ack = Patch(f.ACK_AT, 2 + turn[answers], rows=answers)
        return frame, [*own_port(number // FLOW_LENGTH, frame, (1, 4, 5)), seq, ack, ip_id(number)]

    return Case(frames, fill, one_each(FLOW_LENGTH))


def _in_order(server: int, order: Int64) -> Case:
    """Segments of one size from the client alone. order: (FLOW_LENGTH,) the place of each in the transfer."""
    frames = [*handshake(server), segment(server, SEGMENT)]
    return Case(frames, _placed(frames, order), one_each(FLOW_LENGTH))


def _placed(frames: list[Frame], order: Int64) -> Fill:
    def fill(number: Int64, _: np.random.Generator) -> tuple[Int64, list[Patch]]:
        step = number % FLOW_LENGTH
        frame = np.minimum(step, len(frames) - 1)
        seq = data_seq(step, 1 + len(SEGMENT) * order[step])
        return frame, [*own_port(number // FLOW_LENGTH, frame, (1,)), seq, ip_id(number)]

    return fill
