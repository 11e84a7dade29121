"""A whole analysis of a small capture, and what making its reports costs: the part that does not grow with the file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pcap_analyzer.export import html, json
from pcap_analyzer.pipeline import analyze_capture
from pcap_analyzer.report import build_report


@pytest.mark.parametrize("mode", ["tiny", "mixed", "many_flows"])
def test_analyse_a_capture(
    benchmark: BenchmarkFixture, capture: Callable[[str], Path], note_rate: Callable[[int], None], mode: str
) -> None:
    analysis = benchmark(analyze_capture, capture(mode), threads=1)
    note_rate(analysis.capture.packets)


def test_build_a_report(benchmark: BenchmarkFixture, capture: Callable[[str], Path]) -> None:
    benchmark(build_report, analyze_capture(capture("mixed"), threads=1))


@pytest.mark.parametrize("encode", [json.encode, html.render], ids=["json", "html"])
def test_encode_a_report(
    benchmark: BenchmarkFixture, capture: Callable[[str], Path], encode: Callable[[object], bytes]
) -> None:
    benchmark(encode, build_report(analyze_capture(capture("mixed"), threads=1)))
