"""Flows as people read them: one with its names, and all of them as a table.

`conn_state` and `history` are those of Zeek (its reference on conn.log); ours differ where it would look into payloads.
numpy and pyarrow are imported by who asks for the table only: a report needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pcap_analyzer._native.scan import FlowReader, Scanner
from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.model import TCP_FLAGS, Ended, Flow
from pcap_analyzer.analysis.protocols import PathTexts
from pcap_analyzer.analysis.tcp import tcp_direction

if TYPE_CHECKING:
    import pyarrow as pa

# kind_t of native/flow_key.pxd, and sentinels of flow.pxd and packet.pxd
KIND_ADDRESSES, KIND_TCP, KIND_UDP, KIND_SCTP, KIND_ICMP, KIND_OTHER = range(6)
NO_NUMBER, NO_VLAN, NO_TIME = 0xFFFFFFFF, 0xFFFF, -(1 << 63)
MAX_BATCH = 65536

ENDED: tuple[Ended | None, ...] = (None, "open", "fin", "reset")  # by the field `ended`
# by the field `conn_state`
STATES = ("", "OTH", "S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR")


class FlowTable:
    """All flows of a capture, to be read as often as one likes; memory is held for one batch at a time.

    paths: layer names by node of the protocol hierarchy.
    """

    def __init__(self, reader: FlowReader, paths: Sequence[Sequence[str]]) -> None:
        self._reader = reader
        self.paths = paths

    def read(self, batch_size: int) -> Iterator[bytearray]:
        """Batches of at most `batch_size` flow_row_t, in order of flow_id.

        stream: 0xFFFFFFFF without one.  vlan_id: 0xFFFF untagged.  Times: NO_TIME where there is none.  path: node of
        the protocol hierarchy.  ended, conn_state: index into ENDED, STATES.
        """
        for begin in range(0, len(self._reader), batch_size):
            yield self._reader.read(begin, min(begin + batch_size, len(self._reader)))

    def batches(self, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
        """The table `flows`, or those of its columns asked for; see Analysis.flows."""
        from pcap_analyzer.analysis.flow_columns import flow_batches  # noqa: PLC0415 - pyarrow takes 0.3 s
        from pcap_analyzer.schema import names_of  # noqa: PLC0415 - a report has no columns

        if not 1 <= batch_size <= MAX_BATCH:
            raise ValueError(f"batch_size is {batch_size}, expected 1 to {MAX_BATCH}")
        return flow_batches(self, names_of(columns), batch_size)


def flow_table(scanner: Scanner) -> FlowTable:
    """The flows of a scan that is over."""
    return FlowTable(scanner.flow_reader(), PathTexts(scanner))


def flow_of(row: dict[str, Any], tunnel: str | None) -> Flow:
    """One of the scanner's flows with its names."""
    version, ports = row["ip_version"], has_ports(row)
    tcp = row["kind"] == KIND_TCP
    return Flow(
        flow_id=row["flow_id"],
        stream=stream_of(row),
        ip_version=version,
        protocol=row["protocol"],
        client=address_text(row["client"], version),
        client_port=row["client_port"] if ports else None,
        server=address_text(row["server"], version),
        server_port=row["server_port"] if ports else None,
        first_ns=_time(row["first_ns"]),
        last_ns=_time(row["last_ns"]),
        client_packets=row["client_packets"],
        client_bytes=row["client_bytes"],
        client_payload_bytes=row["client_payload_bytes"],
        server_packets=row["server_packets"],
        server_bytes=row["server_bytes"],
        server_payload_bytes=row["server_payload_bytes"],
        vlan_id=None if row["vlan_id"] == NO_VLAN else row["vlan_id"],
        tunnel=tunnel,
        syn_retries=row["syn_retries"],
        handshake_network_ns=_time(row["handshake_network_ns"]),
        handshake_client_ns=_time(row["handshake_client_ns"]),
        initial_rtt_ns=_time(row["initial_rtt_ns"]),
        conn_state=STATES[row["conn_state"]] or None,
        history=row["history"].decode(),
        ended=ENDED[row["ended"]],
        client_flags=dict(zip(TCP_FLAGS, row["client_flags"], strict=True)) if tcp else {},
        server_flags=dict(zip(TCP_FLAGS, row["server_flags"], strict=True)) if tcp else {},
        client_tcp=tcp_direction(row["client_tcp"], row["server_tcp"]) if tcp else None,
        server_tcp=tcp_direction(row["server_tcp"], row["client_tcp"]) if tcp else None,
    )


def has_ports(row: Mapping[str, Any]) -> bool:
    """Whether a flow's ports are any; otherwise they are 0, or numbers of something else."""
    return row["kind"] in (KIND_TCP, KIND_UDP, KIND_SCTP)


def stream_of(row: Mapping[str, Any]) -> int | None:
    """Wireshark's number; None: neither TCP nor UDP."""
    return None if row["stream"] == NO_NUMBER else row["stream"]


def _time(value: int) -> int | None:
    return None if value == NO_TIME else value
