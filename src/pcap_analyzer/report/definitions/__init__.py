"""What every number means, in a sentence, with the RFC or the Wireshark field to check it by.

The HTML links each number to its entry here; a remark's code is the id of its entry.
"""

from pcap_analyzer.report.definitions.dns import DNS
from pcap_analyzer.report.definitions.entry import Definition
from pcap_analyzer.report.definitions.quality import QUALITY
from pcap_analyzer.report.definitions.tcp import TCP
from pcap_analyzer.report.definitions.traffic import TRAFFIC

__all__ = ["DEFINITIONS", "Definition"]

DEFINITIONS = [*TRAFFIC, *QUALITY, *TCP, *DNS]
