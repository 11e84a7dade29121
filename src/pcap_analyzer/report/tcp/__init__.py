"""TCP: how connections began and ended, and what their segments show.

`connections` is what handshakes and endings tell, `segments` what the marks tell; `lines` is both in a few lines.
"""

from pcap_analyzer.report.tcp.connections import tcp_section

__all__ = ["tcp_section"]
