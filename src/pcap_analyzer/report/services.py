"""The server ports that moved most bytes, with the name of the service that usually answers there."""

from __future__ import annotations

from msgspec.structs import asdict

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.iana import protocol_name, service_name
from pcap_analyzer.report.model import ServiceRow

MAX_ROWS = 50


def services_section(analysis: Analysis) -> list[ServiceRow]:
    """The top server ports by bytes."""
    return [
        ServiceRow(
            **asdict(row),
            protocol_name=protocol_name(row.protocol),
            name=service_name(row.protocol, row.port),
        )
        for row in analysis.services[:MAX_ROWS]
    ]
