"""`python -m pcap_analyzer.export`: make ready what every report needs, where it cannot be kept later."""

import sys

from pcap_analyzer.export import html
from pcap_analyzer.export.language import LANGUAGES

sys.dont_write_bytecode = False
for language in LANGUAGES:
    html.prepare(language)
