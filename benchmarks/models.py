"""The model conversations of a capture, flat: one array for each field that differs between the packets of a flow."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.frames import DEFAULT_DESTINATION as SERVER
from benchmarks.frames import DEFAULT_SOURCE as CLIENT
from benchmarks.frames import IPV4, IPV6, IPV6_PREFIX, TCP, UDP, ethernet, ipv4, ipv6, tcp, udp
from benchmarks.records import Int64
from benchmarks.talk import STYLES, Form, Forms, Options, Payloads, Step, TcpTalk, short_talk, udp_talk

MODEL_PACKETS = 400_000  # of all models together: a second of Python
MOST_MODELS = 256
LONGEST_FLOW = 1_000_000  # packets
TCP_SHARE = 0.7
MILLISECOND = 1_000_000

_MSS = b"\x02\x04\x05\xb4"
_SACK_PERMITTED = b"\x04\x02"
_STAMPS = b"\x08\x0a" + bytes(8)
_SCALE = b"\x01\x03\x03\x07"
_SACK = b"\x01\x01\x05\x0a" + bytes(8)


class OptionBytes(NamedTuple):
    """TCP options as they lie in the header; where their changing parts are, from the first option on (-1: nowhere)."""

    data: bytes
    stamp_at: int = -1
    sack_at: int = -1


OPTIONS: dict[Options, OptionBytes] = {
    "none": OptionBytes(b""),
    "syn": OptionBytes(_MSS + b"\x01\x01" + _SACK_PERMITTED + _SCALE),
    "syn+stamps": OptionBytes(_MSS + _SACK_PERMITTED + _STAMPS + _SCALE, stamp_at=8),
    "stamps": OptionBytes(b"\x01\x01" + _STAMPS, stamp_at=4),
    "stamps+sack": OptionBytes(b"\x01\x01" + _STAMPS + _SACK, stamp_at=4, sack_at=16),
    "sack": OptionBytes(_SACK, sack_at=4),
}


@dataclass(frozen=True)
class Models:
    """Those of model m are rows first[m] to first[m] + packets[m]; the other arrays have one value a packet.

    time_ns: since the conversation's first packet.  stamp, echo: TCP timestamps, ms, before the flow's own shift.
    """

    forms: list[Form]
    first: Int64
    packets: Int64
    is_tcp: NDArray[np.bool_]
    time_ns: Int64
    form: Int64
    from_client: NDArray[np.bool_]
    seq: Int64
    ack: Int64
    sack_left: Int64
    sack_right: Int64
    stamp: Int64
    echo: Int64

    def frame_bytes(self) -> Int64:
        """Bytes of each model's frames in plain IPv4."""
        size = np.array([len(frame_of(form)) for form in self.forms], np.int64)
        return np.add.reduceat(size[self.form], self.first)


def build_models(mode: str, packets_a_flow: float, flows: int, longest_ns: int, seed: int) -> Models:
    """Models whose lengths scatter around `packets_a_flow`, none lasting longer than `longest_ns`."""
    rng = random.Random(seed)
    forms = Forms()
    if mode == "many_flows":
        talks = [short_talk(rng, forms) for _ in range(MOST_MODELS)]
    else:
        number = int(max(4, min(MOST_MODELS, flows, MODEL_PACKETS / packets_a_flow)))
        talks = _talks(rng, mode, forms, packets_a_flow, number)
    return _flatten(forms.all, talks, longest_ns)


def _talks(rng: random.Random, mode: str, forms: Forms, packets_a_flow: float, number: int) -> list[list[Step]]:
    style = STYLES[mode]
    payloads = Payloads(rng)
    talks = []
    for turn in range(number):
        packets = int(min(packets_a_flow * rng.lognormvariate(-0.3, 0.9), 8 * packets_a_flow, LONGEST_FLOW))
        if (turn + 1) % 10 <= 10 * TCP_SHARE:
            talks.append(TcpTalk(rng, style, forms, payloads).run(max(packets, 8)))
        else:
            talks.append(udp_talk(rng, style, forms, payloads, packets))
    return talks


def _flatten(forms: list[Form], talks: Sequence[Sequence[Step]], longest_ns: int) -> Models:
    packets = np.array([len(talk) for talk in talks], np.int64)
    first = np.cumsum(packets) - packets
    columns = np.array(list(chain.from_iterable(talks)), np.int64).T
    time_ns, form, from_client, seq, ack, sack_left, sack_right = columns
    last_ns = time_ns[first + packets - 1]
    # A conversation that would outlast its share of the capture is played faster.
    squeeze = np.maximum(1.0, last_ns / longest_ns)
    time_ns = (time_ns / np.repeat(squeeze, packets)).astype(np.int64)
    stamp = time_ns // MILLISECOND
    is_from_client = from_client.astype(np.bool_)
    echo = np.concatenate(
        [_echo(stamp[a : a + n], is_from_client[a : a + n]) for a, n in zip(first, packets, strict=True)]
    )
    is_tcp = np.array([forms[number].protocol == TCP for number in form[first]], np.bool_)
    return Models(
        forms, first, packets, is_tcp, time_ns, form, is_from_client, seq, ack, sack_left, sack_right, stamp, echo
    )


def _echo(stamp: Int64, from_client: NDArray[np.bool_]) -> Int64:
    """The other side's latest stamp before each packet, -1 where it has sent none."""
    row = np.arange(len(stamp))
    echo = np.full(len(stamp), -1, np.int64)
    for side in (True, False):
        latest = np.maximum.accumulate(np.where(from_client == side, row, -1))
        mine = (from_client != side) & (latest >= 0)
        echo[mine] = stamp[latest[mine]]
    return echo


def frame_of(form: Form, vlan: int | None = None, ip_version: int = 4) -> bytes:
    """The form's frame between the default addresses, its client port 0."""
    ports = (0, form.server_port) if form.from_client else (form.server_port, 0)
    if form.protocol == UDP:
        segment = udp(form.payload, source_port=ports[0], destination_port=ports[1])
    else:
        options = OPTIONS[form.options].data
        window = 501 if form.from_client else 2048
        segment = tcp(
            form.payload,
            source_port=ports[0],
            destination_port=ports[1],
            flags=form.flags,
            window=window,
            options=options,
        )
    source, destination = (CLIENT, SERVER) if form.from_client else (SERVER, CLIENT)
    if ip_version == 4:
        packet = ipv4(segment, form.protocol, source=source, destination=destination)
        return ethernet(packet, IPV4, from_client=form.from_client, vlan=vlan)
    packet = ipv6(segment, form.protocol, source=IPV6_PREFIX + source, destination=IPV6_PREFIX + destination)
    return ethernet(packet, IPV6, from_client=form.from_client, vlan=vlan)
