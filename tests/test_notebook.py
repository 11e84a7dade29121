"""The example of docs/notebook.py, run as a reader would run it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.scan.files import pcap_file, pcap_record, tcp_frame

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.py"


def test_from_a_capture_to_a_chart(tmp_path):
    records = [
        pcap_record(tcp_frame(number % 5, seq=number, ack=number, payload=b"x", reply=number % 2 == 0), number * 9000)
        for number in range(500)
    ]
    (tmp_path / "some.pcap").write_bytes(pcap_file([]) + b"".join(records))
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", str(NOTEBOOK), "some.pcap"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "acknowledgements took more than 100 ms" in done.stdout
    for name in ("seconds.html", "flows.html"):
        assert "Plotly.newPlot" in (tmp_path / name).read_text()


def test_the_first_chart_takes_ten_lines():
    """Imports among them."""
    cell = NOTEBOOK.read_text().split("# %%")[2].splitlines()[1:]
    assert sum(bool(line.strip()) for line in cell) == 10
