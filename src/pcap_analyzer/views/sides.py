"""The columns of `flows` by who sent the first packet, instead of by client and server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pcap_analyzer.views.sums import Mask


class Sides:
    """A batch of flows. client_first: the client sent the first packet."""

    def __init__(self, flows: pa.RecordBatch, client_first: Mask) -> None:
        self.flows = flows
        self.client_first = client_first
        self._first = pa.array(client_first)

    def forward(self, client: str, server: str) -> pa.Array:
        """Of who sent the first packet: the one column where that is the client, else the other."""
        return pc.if_else(self._first, self._plain(client), self._plain(server))

    def backward(self, client: str, server: str) -> pa.Array:
        return self.forward(server, client)

    def numbers(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """A number that both sides have, as `name` behind client_ and server_: forward and backward, 0 for null."""
        client, server = (self._numbers(f"{side}_{name}") for side in ("client", "server"))
        return np.where(self.client_first, client, server), np.where(self.client_first, server, client)

    def _numbers(self, name: str) -> NDArray[Any]:
        numbers: NDArray[Any] = self.flows.column(name).fill_null(0).to_numpy(zero_copy_only=False)
        return numbers

    def _plain(self, name: str) -> pa.Array:
        column = self.flows.column(name)
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
