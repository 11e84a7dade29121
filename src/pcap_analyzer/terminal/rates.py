"""How fast something was read, in words."""

from pcap_analyzer.report import words


def rates(packets: int, octets: int, seconds: float) -> str:
    """Packets and bytes over a time, each per second."""
    nanoseconds = max(1, int(seconds * words.SECOND))
    per_second = octets * words.SECOND // nanoseconds
    return f"{words.packet_rate(packets, nanoseconds)}, {words.size(per_second)}/s"
