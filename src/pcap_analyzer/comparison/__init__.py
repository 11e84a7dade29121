"""Our decoded columns beside tshark's, packet by packet: what we claim about correctness, anyone can check.

    capture = open_capture(path)
    comparison = compare_with_tshark(path, capture.packets(COLUMNS))
    print(as_text(comparison))

tshark is run as a stateless decoder (no reassembly, no preferences of the user) and asked for every occurrence of every
field; `expected` picks those of the innermost layer that no ICMP error quotes, which is what our columns hold. A
recorded answer of tshark (`packets.tsv.gz`) goes through the same code. Differences that are known and meant have a
name in `reasons`; all others count against us.
"""

from pcap_analyzer.comparison.expected import COLUMNS
from pcap_analyzer.comparison.matching import compare, compare_with_golden, compare_with_tshark
from pcap_analyzer.comparison.model import ColumnAgreement, Comparison, Difference
from pcap_analyzer.comparison.streams import SAME_STREAMS
from pcap_analyzer.comparison.text import as_json, as_text
from pcap_analyzer.comparison.tshark import TsharkError

__all__ = [
    "COLUMNS",
    "SAME_STREAMS",
    "ColumnAgreement",
    "Comparison",
    "Difference",
    "TsharkError",
    "as_json",
    "as_text",
    "compare",
    "compare_with_golden",
    "compare_with_tshark",
]
