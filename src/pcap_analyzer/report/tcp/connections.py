"""TCP connections: how they began, how they stood at the end, how long the handshake took."""

from __future__ import annotations

from pcap_analyzer.analysis.model import Analysis
from pcap_analyzer.report.distribution import comparable, distribution
from pcap_analyzer.report.model import ConnState, Ending, TcpSummary
from pcap_analyzer.report.tcp.segments import analysis_part
from pcap_analyzer.report.text import plain

# Zeek's conn_state (https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html), in our words.
CONN_STATES = {
    "SF": "Opened and closed in order.",
    "S0": "The client asked, nobody answered.",
    "S1": "Open when the capture ended.",
    "S2": "The client closed its side; the server's close was not seen.",
    "S3": "The server closed its side; the client's close was not seen.",
    "REJ": "The server refused the connection with a reset.",
    "RSTO": "Established, then reset by the client.",
    "RSTR": "The server sent a reset after the connection began.",
    "RSTOS0": "The client sent a SYN and then a reset; no answer was seen.",
    "RSTRH": "The server answered and then reset; no SYN was seen.",
    "SH": "The client sent a SYN and then a FIN; no answer was seen.",
    "SHR": "The server answered and then closed; no SYN was seen.",
    "OTH": "No SYN was seen: the connection is older than the capture.",
}

ENDINGS = {
    "fin": "Closed in order: FIN.",
    "reset": "Broken off: RST.",
    "open": "Still open, or its end is not in the capture.",
}


def tcp_section(analysis: Analysis) -> TcpSummary:
    """Handshakes, states, endings, and the times of the handshake's parts."""
    totals = analysis.totals
    network, client = comparable(totals.handshake_network, totals.handshake_client)
    return TcpSummary(
        flows=totals.tcp,
        handshakes=totals.handshakes,
        conn_states=[
            ConnState(state=plain(state), flows=flows, meaning=CONN_STATES.get(state, ""))
            for state, flows in _most_first(totals.conn_states)
        ],
        endings=[
            Ending(ended=plain(ended), flows=flows, meaning=ENDINGS.get(ended, ""))
            for ended, flows in _most_first(totals.ended)
        ],
        resets=totals.resets,
        syn_retries=totals.syn_retries,
        syn_retry_flows=totals.syn_retry_flows,
        handshake_network=network,
        handshake_client=client,
        initial_rtt=distribution(totals.initial_rtt),
        analysis=analysis_part(analysis),
    )


def _most_first(flows_by_name: dict[str, int]) -> list[tuple[str, int]]:
    occurred = [(name, flows) for name, flows in flows_by_name.items() if flows]
    return sorted(occurred, key=lambda item: (-item[1], item[0]))
