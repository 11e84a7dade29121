"""Differences from tshark that are known and meant. Each has a name, which is what the report prints."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcap_analyzer.comparison.layers import TsharkPacket

Rule = Callable[[str, TsharkPacket, Any, Any], bool]


def reason(column: str, packet: TsharkPacket, ours: Any, theirs: Any) -> str | None:
    """The name of the known difference that this one is; None: it is not a known one."""
    return next((name for name, applies in RULES.items() if applies(column, packet, ours, theirs)), None)


RULES: dict[str, Rule] = {}
