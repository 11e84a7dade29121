"""`python -m pcap_analyzer` is `pcap-analyzer`."""

from pcap_analyzer.cli import main

main()
