"""Pages for people: upload, analysis, report, history. They work without scripts; with them, less waiting is seen."""

from pcap_analyzer.web.pages.analysis import progress_page, report_page
from pcap_analyzer.web.pages.history import cancel, delete, history_page, retry
from pcap_analyzer.web.pages.upload import upload_page

PAGES = [upload_page, progress_page, report_page, history_page, cancel, retry, delete]
