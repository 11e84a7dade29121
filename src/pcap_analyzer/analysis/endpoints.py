"""What each address and each pair of addresses sent and received, summed over flows.

Packets without a flow (later fragments, malformed ones) count too: Wireshark's endpoints have them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.model import Conversation, Endpoint, Endpoints
from pcap_analyzer.analysis.ranking import KeyedSums

MAX_ENDPOINTS = 1000
MAX_CONVERSATIONS = 100
ADDRESS = 16
KEY = 24  # the address, its version, zeros: a multiple of eight
PAIR = 40

FLOWS, PACKETS_SENT, PACKETS_RECEIVED, BYTES_SENT, BYTES_RECEIVED = range(5)


class EndpointSums:
    """Collects over batches of the scanner's flow records; see analysis.flows.RAW."""

    def __init__(self) -> None:
        self._addresses = KeyedSums(KEY, 5)
        self._pairs = KeyedSums(PAIR, 5)

    def add(self, raw: npt.NDArray[Any], *, flows: bool = True) -> None:
        """raw: (n,) RAW.  flows: whether the records are flows, or packets counted by address alone."""
        if not len(raw):
            return
        from_a, from_b = raw["direction"]["packets"].T.astype(np.int64), raw["direction"]["bytes"].T.astype(np.int64)
        count = np.full(len(raw), int(flows), np.int64)
        a_side = np.stack((count, from_a[0], from_a[1], from_b[0], from_b[1]), axis=1)
        b_side = np.stack((count, from_a[1], from_a[0], from_b[1], from_b[0]), axis=1)
        self._addresses.add(_keys(raw["a"], raw["ip_version"]), a_side)
        other = ~(raw["a"] == raw["b"]).all(axis=1)  # a host that talks to itself is counted once
        self._addresses.add(_keys(raw["b"][other], raw["ip_version"][other]), b_side[other])
        pair = np.zeros((len(raw), PAIR), np.uint8)
        pair[:, :ADDRESS] = raw["a"]
        pair[:, ADDRESS : 2 * ADDRESS] = raw["b"]
        pair[:, 2 * ADDRESS] = raw["ip_version"]
        self._pairs.add(pair, a_side)

    def endpoints(self) -> Endpoints:
        """The addresses with the most bytes."""
        keys, sums = self._addresses.keys(), self._addresses.sums()
        top = self._addresses.top(sums[:, BYTES_SENT] + sums[:, BYTES_RECEIVED], MAX_ENDPOINTS)
        rows = [Endpoint(_text(keys[row], 0, keys[row][ADDRESS]), *sums[row].tolist()) for row in top]
        return Endpoints(total=len(self._addresses), rows=rows)

    def conversations(self) -> list[Conversation]:
        """The address pairs with the most bytes, `a` the smaller address."""
        keys, sums = self._pairs.keys(), self._pairs.sums()
        top = self._pairs.top(sums[:, BYTES_SENT] + sums[:, BYTES_RECEIVED], MAX_CONVERSATIONS)
        return [_conversation(keys[row], sums[row].tolist()) for row in top]


def _keys(addresses: npt.NDArray[np.uint8], versions: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    keys = np.zeros((len(addresses), KEY), np.uint8)
    keys[:, :ADDRESS] = addresses
    keys[:, ADDRESS] = versions
    return keys


def _text(key: npt.NDArray[np.uint8], at: int, version: np.uint8) -> str:
    return address_text(key[at : at + ADDRESS].tobytes(), int(version))


def _conversation(key: npt.NDArray[np.uint8], sums: list[int]) -> Conversation:
    version = key[2 * ADDRESS]
    flows, packets_ab, packets_ba, bytes_ab, bytes_ba = sums
    a, b = 0, ADDRESS
    if key[:ADDRESS].tobytes() > key[ADDRESS : 2 * ADDRESS].tobytes():  # the scanner's order is that of the machine
        a, b = b, a
        packets_ab, packets_ba, bytes_ab, bytes_ba = packets_ba, packets_ab, bytes_ba, bytes_ab
    return Conversation(
        a=_text(key, a, version),
        b=_text(key, b, version),
        flows=flows,
        packets_ab=packets_ab,
        packets_ba=packets_ba,
        bytes_ab=bytes_ab,
        bytes_ba=bytes_ba,
    )
