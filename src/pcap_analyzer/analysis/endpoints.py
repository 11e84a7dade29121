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
    """Collects over batches of FLOW records; see analysis.flows."""

    def __init__(self) -> None:
        self._addresses = KeyedSums(KEY, 5)
        self._pairs = KeyedSums(PAIR, 5)

    def add(self, rows: npt.NDArray[Any], *, flows: bool = True) -> None:
        """rows: (n,) FLOW.  flows: whether they are flows, or packets counted by address alone."""
        if not len(rows):
            return
        count = np.full(len(rows), int(flows), np.int64)
        sent, got = rows["client_packets"], rows["server_packets"]
        sent_bytes, got_bytes = rows["client_bytes"], rows["server_bytes"]
        client, server, version = rows["client"], rows["server"], rows["ip_version"]
        of_client = np.stack((count, sent, got, sent_bytes, got_bytes), axis=1)
        of_server = of_client[:, [FLOWS, PACKETS_RECEIVED, PACKETS_SENT, BYTES_RECEIVED, BYTES_SENT]]
        self._addresses.add(_keys(client, version), of_client)
        other = ~(client == server).all(axis=1)  # a host that talks to itself is counted once
        self._addresses.add(_keys(server[other], version[other]), of_server[other])
        self._pairs.add(*_pairs(client, server, version, of_client, of_server))

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


def _pairs(
    client: npt.NDArray[np.uint8],
    server: npt.NDArray[np.uint8],
    version: npt.NDArray[np.uint8],
    of_client: npt.NDArray[np.int64],
    of_server: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Keys of address pairs, the smaller address first, and what that one sent and received."""
    words = np.stack((client, server), axis=1).view(">u8")  # (n, 2, 2)
    swap = (words[:, 1, 0] < words[:, 0, 0]) | ((words[:, 1, 0] == words[:, 0, 0]) & (words[:, 1, 1] < words[:, 0, 1]))
    keys = np.zeros((len(client), PAIR), np.uint8)
    keys[:, :ADDRESS] = np.where(swap[:, None], server, client)
    keys[:, ADDRESS : 2 * ADDRESS] = np.where(swap[:, None], client, server)
    keys[:, 2 * ADDRESS] = version
    return keys, np.where(swap[:, None], of_server, of_client)


def _text(key: npt.NDArray[np.uint8], at: int, version: np.uint8) -> str:
    return address_text(key[at : at + ADDRESS].tobytes(), int(version))


def _conversation(key: npt.NDArray[np.uint8], sums: list[int]) -> Conversation:
    version = key[2 * ADDRESS]
    flows, packets_ab, packets_ba, bytes_ab, bytes_ba = sums
    return Conversation(
        a=_text(key, 0, version),
        b=_text(key, ADDRESS, version),
        flows=flows,
        packets_ab=packets_ab,
        packets_ba=packets_ba,
        bytes_ab=bytes_ab,
        bytes_ba=bytes_ba,
    )
