"""Pages for people: upload, analysis, report, history. They work without scripts; with them, less waiting is seen."""

from pcap_analyzer.web.pages.analysis import progress_page, report_page
from pcap_analyzer.web.pages.flows import flow_page, flows_page
from pcap_analyzer.web.pages.history import cancel, delete, history_page, retry
from pcap_analyzer.web.pages.upload import upload_page

PAGES = [flows_page, flow_page, upload_page, progress_page, report_page, history_page, cancel, retry, delete]
