"""The image, really built, and a container that runs just as the chart's pod says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chart.rendering import Rendered, render
from tests.image.engine import Engine, Pod

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("buildah", "podman", "runc", "debootstrap")


@pytest.fixture(scope="session")
def chart(component: Callable[[str], str]) -> Rendered:
    return render(component("helm"))


@pytest.fixture(scope="session")
def engine(component: Callable[[str], str]) -> Engine:
    """buildah and podman with a store of their own below build/, which the next run finds again."""
    for program in PROGRAMS:
        component(program)
    if os.geteuid() != 0:
        missing = "building and running images without a registry needs root here"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return Engine(ROOT / "build" / "image")


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """Built from what git would take along, so that nothing a developer has lying about gets in."""
    return engine.build(ROOT)


@pytest.fixture(scope="module")
def pod(engine: Engine, image: str, chart: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    volume = tmp_path_factory.mktemp("volume")
    volume.chmod(0o777)
    pod = Pod(engine, image, chart, volume)
    try:
        pod.start()
        yield pod
    finally:
        pod.remove()


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of 1 GB."""
    return _generated(tmp_path_factory.mktemp("captures") / "large.pcap", "--size=1G", "--flows=20000")


@pytest.fixture(scope="session")
def many_flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many connections that 256 MiB do not hold them."""
    path = tmp_path_factory.mktemp("captures") / "many.pcap"
    return _generated(path, "--mode=tiny", "--size=300M", "--flows=600000")


def _generated(path: Path, *options: str) -> Path:
    command = [sys.executable, "-m", "benchmarks.generate", str(path), *options]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return path
