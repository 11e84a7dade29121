"""Sums over all flows: how many of which kind, how TCP connections opened and ended, services, the largest flows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcap_analyzer.analysis.durations import DurationCounts
from pcap_analyzer.analysis.flows import (
    ENDED,
    KIND_ICMP,
    KIND_OTHER,
    KIND_SCTP,
    KIND_TCP,
    KIND_UDP,
    NO_TIME,
    STATES,
)
from pcap_analyzer.analysis.model import FlowTotals, Handshakes, Service
from pcap_analyzer.analysis.ranking import KeyedSums

Records = npt.NDArray[Any]
MAX_TOP_FLOWS = 100
MAX_SERVICES = 100
SYN_FLAG, RST_FLAG = 1, 2


class TotalSums:
    """Collects over batches of FLOW records."""

    def __init__(self) -> None:
        self._kinds = np.zeros(6, np.int64)
        self._states = np.zeros(len(STATES), np.int64)
        self._ended = np.zeros(len(ENDED), np.int64)
        self._complete = self._opened = self._resets = self._retries = self._retry_flows = 0
        self._one_sided = self._two_sided = 0
        self._durations = {
            name: DurationCounts() for name in ("handshake_network_ns", "handshake_client_ns", "initial_rtt_ns")
        }

    def add(self, flows: Records) -> None:
        kind = flows["kind"]
        tcp = kind == KIND_TCP
        self._kinds += np.bincount(kind, minlength=len(self._kinds))
        self._states += np.bincount(flows["conn_state"][tcp], minlength=len(STATES))
        self._ended += np.bincount(flows["ended"], minlength=len(ENDED))
        self._count_opening(flows["client_flags"], flows["server_flags"], flows["syn_retries"])
        for name, counts in self._durations.items():
            durations = flows[name]
            counts.add(durations[durations != NO_TIME])
        complete = flows["handshake_client_ns"] != NO_TIME
        complete &= flows["initial_rtt_ns"] != NO_TIME
        opened = (flows["client_flags"][:, SYN_FLAG] | flows["server_flags"][:, SYN_FLAG]) > 0
        self._complete += int(complete.sum())
        self._opened += int((opened & ~complete).sum())
        one = (flows["client_packets"] == 0) | (flows["server_packets"] == 0)
        sided = tcp | (kind == KIND_UDP)
        self._one_sided += int((one & sided).sum())
        self._two_sided += int((~one & sided).sum())

    def _count_opening(self, client_flags: Records, server_flags: Records, syn_retries: Records) -> None:
        self._resets += int(client_flags[:, RST_FLAG].sum() + server_flags[:, RST_FLAG].sum())
        self._retries += int(syn_retries.sum())
        self._retry_flows += int((syn_retries > 0).sum())

    @property
    def one_sided(self) -> int:
        """TCP and UDP flows with packets in one direction only."""
        return self._one_sided

    @property
    def two_sided(self) -> int:
        return self._two_sided

    def totals(self) -> FlowTotals:
        tcp = int(self._kinds[KIND_TCP])
        return FlowTotals(
            flows=int(self._kinds.sum()),
            tcp=tcp,
            udp=int(self._kinds[KIND_UDP]),
            icmp=int(self._kinds[KIND_ICMP]),
            sctp=int(self._kinds[KIND_SCTP]),
            other=int(self._kinds[KIND_OTHER]),
            conn_states={name: int(count) for name, count in zip(STATES, self._states, strict=True) if name and count},
            ended={name: int(count) for name, count in zip(ENDED, self._ended, strict=True) if name and count},
            handshakes=Handshakes(self._complete, self._opened, tcp - self._complete - self._opened),
            resets=self._resets,
            syn_retries=self._retries,
            syn_retry_flows=self._retry_flows,
            handshake_network=self._durations["handshake_network_ns"].histogram(),
            handshake_client=self._durations["handshake_client_ns"].histogram(),
            initial_rtt=self._durations["initial_rtt_ns"].histogram(),
        )


class ServiceSums:
    """Flows, packets and bytes per server port."""

    def __init__(self) -> None:
        self._ports = KeyedSums(8, 3)

    def add(self, flows: Records) -> None:
        kind, port = flows["kind"], flows["server_port"]
        with_ports = (kind == KIND_TCP) | (kind == KIND_UDP) | (kind == KIND_SCTP)
        keys = np.zeros((int(with_ports.sum()), 8), np.uint8)
        keys[:, 0] = flows["protocol"][with_ports]
        keys[:, 1] = port[with_ports] >> 8
        keys[:, 2] = port[with_ports] & 0xFF
        packets = flows["client_packets"] + flows["server_packets"]
        size = flows["client_bytes"] + flows["server_bytes"]
        values = np.stack((np.ones(len(keys), np.int64), packets[with_ports], size[with_ports]), axis=1)
        self._ports.add(keys, values)

    def services(self) -> list[Service]:
        keys, sums = self._ports.keys(), self._ports.sums()
        return [
            Service(int(keys[row][0]), int(keys[row][1]) << 8 | int(keys[row][2]), *sums[row].tolist())
            for row in self._ports.top(sums[:, 2], MAX_SERVICES)
        ]


class LargestFlows:
    """The flows with the most bytes; of equals the earlier."""

    def __init__(self) -> None:
        self._top: Records | None = None
        self._least = -1  # bytes of the smallest kept, once there are enough

    def add(self, flows: Records) -> None:
        size = flows["client_bytes"] + flows["server_bytes"]
        larger = flows[size > self._least]
        if not len(larger):
            return
        flows = larger if self._top is None else np.concatenate((self._top, larger))
        size = flows["client_bytes"] + flows["server_bytes"]
        kept = np.argsort(-size, kind="stable")[
            :MAX_TOP_FLOWS
        ]  # flows come in order of flow_id: the earlier stays first
        self._top = flows[kept]
        if len(kept) == MAX_TOP_FLOWS:
            self._least = int(size[kept[-1]])

    def records(self) -> list[Records]:
        """FLOW records, largest first."""
        return [] if self._top is None else list(self._top)
