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
        self._kinds += np.bincount(flows["kind"], minlength=len(self._kinds))
        tcp = flows[flows["kind"] == KIND_TCP]
        self._states += np.bincount(tcp["conn_state"], minlength=len(STATES))
        self._ended += np.bincount(tcp["ended"], minlength=len(ENDED))
        complete = tcp["initial_rtt_ns"] != NO_TIME
        complete &= tcp["handshake_client_ns"] != NO_TIME
        opened = tcp["client_flags"][:, SYN_FLAG] + tcp["server_flags"][:, SYN_FLAG] > 0
        self._complete += int(complete.sum())
        self._opened += int((opened & ~complete).sum())
        self._resets += int(tcp["client_flags"][:, RST_FLAG].sum() + tcp["server_flags"][:, RST_FLAG].sum())
        self._retries += int(tcp["syn_retries"].sum())
        self._retry_flows += int((tcp["syn_retries"] > 0).sum())
        for name, counts in self._durations.items():
            counts.add(tcp[name][tcp[name] != NO_TIME])
        sided = flows[(flows["kind"] == KIND_TCP) | (flows["kind"] == KIND_UDP)]
        one = (sided["client_packets"] == 0) | (sided["server_packets"] == 0)
        self._one_sided += int(one.sum())
        self._two_sided += int((~one).sum())

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
        with_ports = flows[np.isin(flows["kind"], (KIND_TCP, KIND_UDP, KIND_SCTP))]
        keys = np.zeros((len(with_ports), 8), np.uint8)
        keys[:, 0] = with_ports["protocol"]
        keys[:, 1] = with_ports["server_port"] >> 8
        keys[:, 2] = with_ports["server_port"] & 0xFF
        values = np.stack(
            (
                np.ones(len(with_ports), np.int64),
                with_ports["client_packets"] + with_ports["server_packets"],
                with_ports["client_bytes"] + with_ports["server_bytes"],
            ),
            axis=1,
        )
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

    def add(self, flows: Records) -> None:
        if self._top is not None:
            flows = np.concatenate((self._top, flows))
        if len(flows) > MAX_TOP_FLOWS:
            size = flows["client_bytes"] + flows["server_bytes"]
            bound = np.partition(size, len(size) - MAX_TOP_FLOWS)[len(size) - MAX_TOP_FLOWS]
            flows = flows[size >= bound]
        order = np.lexsort((flows["flow_id"], -(flows["client_bytes"] + flows["server_bytes"])))
        self._top = flows[order[:MAX_TOP_FLOWS]]

    def records(self) -> list[Records]:
        """FLOW records, largest first."""
        return [] if self._top is None else list(self._top)
