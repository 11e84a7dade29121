"""What the command line says."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import pytest

from pcap_analyzer.report import build_report
from pcap_analyzer.terminal import plain
from pcap_analyzer.terminal.parts import Table
from pcap_analyzer.terminal.progress import ProgressBar
from pcap_analyzer.terminal.summary import print_info, print_summary
from tests.report import synthetic


@dataclass
class Reading:
    packets: int = 4_000_000
    bytes_read: int = 3_000_000_000
    bytes_total: int | None = 6_000_000_000
    seconds: float = 1.0


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def summary(name: str, written: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    print_summary(build_report(getattr(synthetic, name)()), written, file=out)
    return out.getvalue().replace("\N{NO-BREAK SPACE}", " ")


def test_a_summary_names_the_capture_the_talkers_and_the_files_written():
    text = summary("small", ("one.html", "one.json"))
    assert text.startswith("one.pcap  pcap, nanoseconds, little-endian · 13 packets · 7.30 kB · 2.00 s · 29.2 kbit/s\n")
    assert "198.51.100.7   7.30 kB   6.40 kB      900 B        13       1" in text
    assert "one.html, one.json" in text
    assert "SF 1" in text


def test_damage_comes_before_everything_else():
    lines = [line for line in summary("damaged").splitlines() if line]
    assert lines[2].startswith("problem  The file is damaged at byte 123,456")


@pytest.mark.parametrize("name", ["empty", "small", "damaged", "hostile", "large"])
def test_no_summary_sends_control_characters(name):
    assert all(line.isprintable() for line in summary(name).replace(" ", " ").splitlines())


def test_an_empty_capture_says_so():
    assert "This capture holds no packets." in summary("empty")


@pytest.mark.parametrize("name", ["empty", "small", "damaged", "large"])
def test_a_pipe_is_told_the_words_of_the_terminal(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    report, screen, pipe = build_report(getattr(synthetic, name)()), Screen(), io.StringIO()
    for say in (print_summary, print_info):
        say(report, file=screen)
        say(report, file=pipe)
    coloured = re.sub("\x1b\\[[0-9;]*m", "", screen.getvalue())
    assert [line.rstrip() for line in coloured.splitlines()] == pipe.getvalue().splitlines()


def test_columns_of_a_pipe_stand_below_each_other_whatever_the_script():
    out = io.StringIO()
    plain.write([Table(("名", "packets"), [("日本", "12"), ("e\u0301", "3")])], out)
    assert out.getvalue() == "名     packets\n日本        12\ne\u0301            3\n"


def test_info_says_what_the_capture_is():
    out = io.StringIO()
    print_info(build_report(synthetic.large()), file=out)
    text = out.getvalue()
    assert "Comment     captured on the mirror port of the core switch" in text
    assert "0 eth0              Ethernet         1,514         1 ns   12,256,714     1,204" in text


def test_the_bar_is_quiet_when_piped():
    out = io.StringIO()
    with ProgressBar("big.pcap", file=out) as bar:
        bar(Reading())
    assert out.getvalue() == ""


def test_the_bar_shows_packets_and_bytes_per_second_on_a_terminal():
    out = Screen()
    with ProgressBar("[red]big.pcap", file=out) as bar:
        bar(Reading(seconds=0.01))
        assert out.getvalue() == ""
        bar(Reading())
        bar(Reading(bytes_total=None))
    text = out.getvalue().replace("\N{NO-BREAK SPACE}", " ")
    assert "[red]big.pcap" in text
    assert "4.00 M packets/s, 3.00 GB/s" in text
