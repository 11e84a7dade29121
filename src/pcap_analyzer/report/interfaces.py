"""The interfaces that packets were captured on."""

from __future__ import annotations

from msgspec.structs import asdict

from pcap_analyzer.analysis.model import Analysis, Interface
from pcap_analyzer.iana import link_type_name
from pcap_analyzer.report.model import InterfaceRow, Interfaces
from pcap_analyzer.report.text import plain

MAX_ROWS = 50


def interfaces_section(analysis: Analysis) -> Interfaces:
    """The first interfaces in order of id, and how many there are."""
    return Interfaces(
        total=len(analysis.interfaces), rows=[_row(interface) for interface in analysis.interfaces[:MAX_ROWS]]
    )


def _row(interface: Interface) -> InterfaceRow:
    cleaned = {
        "name": None if interface.name is None else plain(interface.name),
        "description": None if interface.description is None else plain(interface.description),
        "resolution": plain(interface.resolution, 40),
    }
    return InterfaceRow(**asdict(interface) | cleaned, link_type_name=link_type_name(interface.link_type))
