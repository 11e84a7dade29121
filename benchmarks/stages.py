"""Where the time of one analysis goes, measured inside the process, on one thread.

    python -m benchmarks.stages FILE [--rounds 3]

Prints JSON: nanoseconds of each stage of the native scan (where the engine tells them), of the rest of the analysis
("statistics"), and of making and encoding the reports ("write"). The start of Python and, from the second round on, the
imports are not in it; measure.py has those.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from pcap_analyzer.export import html as html_export
from pcap_analyzer.export import json as json_export
from pcap_analyzer.pipeline import analyze_capture
from pcap_analyzer.report import build_report


def analyse_once(path: Path) -> dict[str, Any]:
    """One analysis with both reports."""
    begin = time.perf_counter_ns()
    analysis = analyze_capture(path, threads=1)
    scanned = time.perf_counter_ns()
    report = build_report(analysis)
    written = len(json_export.encode(report)) + len(html_export.render(report))
    end = time.perf_counter_ns()
    stages: dict[str, int] = dict(getattr(analysis.source, "stage_ns", None) or {})
    if stages:  # what the scan does not count by stage is making tables out of its counters
        stages.setdefault("statistics", max(0, scanned - begin - sum(stages.values())))
    return {
        "packets": analysis.capture.packets,
        "file_bytes": path.stat().st_size,
        "flows": analysis.totals.flows,
        "report_bytes": written,
        "stage_ns": stages or None,
        "scan_ns": scanned - begin,
        "write_ns": end - scanned,
        "total_ns": end - begin,
    }


def main() -> None:
    """The command: the quickest of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with given.file.open("rb") as file:  # what is measured is not the disk
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
        while file.read(1 << 22):
            pass
    runs = [analyse_once(given.file) for _ in range(given.rounds)]
    print(json.dumps(min(runs, key=lambda run: run["total_ns"])))


if __name__ == "__main__":
    main()
