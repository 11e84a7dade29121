"""The Dockerfile: its form, and what the chart takes for granted of the image."""

import re
import subprocess
from collections.abc import Callable

import pytest

from pcap_analyzer import __version__
from tests.chart.rendering import CHART, Rendered

FILE = CHART.parent / "Dockerfile"
INSTRUCTIONS = [
    line.partition(" ") for line in re.sub(r"\\\n", " ", FILE.read_text()).splitlines() if line[:1].isupper()
]
FINAL = INSTRUCTIONS[max(n for n, (name, _, _) in enumerate(INSTRUCTIONS) if name == "FROM") :]


def final(name: str) -> list[str]:
    return [rest for found, _, rest in FINAL if found == name]


@pytest.mark.chart
def test_hadolint_finds_nothing(component: Callable[[str], str]) -> None:
    done = subprocess.run([component("hadolint"), str(FILE)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_it_is_of_this_version() -> None:
    assert f"VERSION={__version__}" in final("ARG")


def test_it_runs_as_a_number_that_kubernetes_can_check() -> None:
    assert final("USER") == ["1000:1000"]


def test_the_service_is_the_program_and_gets_the_signals() -> None:
    # In the other form a shell would be process 1, and SIGTERM would end there.
    assert final("ENTRYPOINT") == ['["pcap-analyzer"]']
    assert final("CMD") == ['["serve", "--host", "0.0.0.0", "--port", "8000"]']


@pytest.mark.chart
def test_engines_without_probes_ask_as_the_chart_does(default: Rendered) -> None:
    [check] = final("HEALTHCHECK")
    probe = default.container["livenessProbe"]
    assert f"http://127.0.0.1:8000{probe['httpGet']['path']}'" in check
    assert f"--interval={probe['periodSeconds']}s --timeout={probe['timeoutSeconds']}s" in check
    assert f"--retries={probe['failureThreshold']}" in check


def test_only_the_environment_leaves_the_stage_with_the_compiler() -> None:
    assert final("COPY") == ["--from=build /opt/venv /opt/venv"]
    assert not any("apt-get" in command for command in final("RUN"))
    assert final("FROM") == ["base"]


def test_the_base_is_the_same_tomorrow() -> None:
    [base] = [rest for name, _, rest in INSTRUCTIONS if name == "ARG" and rest.startswith("BASE=")]
    assert re.search(r":bookworm-\d{8}-slim$|@sha256:[0-9a-f]{64}$", base)


def test_packages_are_installed_by_hash() -> None:
    installs = [command for name, _, command in INSTRUCTIONS if name == "RUN" and "requirements/" in command]
    assert installs
    for command in installs:
        assert command.count("--require-hashes") == command.count("-r requirements/")
