"""What every test may ask for: the shared captures, and the programs that a test drives.

The development captures lie beside the repository, in ../shared. A clone without them must pass too, so tests that need
them skip. A missing program is another matter: where CI=true it was to be installed, and the test fails.
"""

import os
import random
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# A busy machine or a sanitizer is slow without being wrong: no example has a deadline. CI judges a change by the same
# examples every time; new ones are looked for on every laptop, and by fuzzing.
settings.register_profile("pcap-analyzer", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("pcap-analyzer")


# What traffic is recorded with in this run; the same again: TRAFFIC_SEED=… make test.
TRAFFIC_SEED = int(os.environ.get("TRAFFIC_SEED") or random.SystemRandom().randrange(10**6))
os.environ["TRAFFIC_SEED"] = str(TRAFFIC_SEED)  # of all processes among which tests are spread


def pytest_report_header() -> list[str]:
    spec = find_spec("pcap_analyzer")
    return [f"package: {spec.origin if spec else 'not installed'}", f"TRAFFIC_SEED={TRAFFIC_SEED}"]


def shared_folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the development captures are not beside this clone: {folder} is missing")
    return folder


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder ../shared/captures: recorded captures by origin, listed in MANIFEST.json."""
    return shared_folder("captures")


@pytest.fixture(scope="session")
def traffic_seed() -> int:
    """The seed of this session's fresh recordings, see tests/traffic."""
    return TRAFFIC_SEED


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder ../shared/golden: what tshark says of every capture."""
    return shared_folder("golden")


@pytest.fixture(scope="session")
def component() -> Callable[[str], str]:
    """`component("tshark")` is the path of a program; without it the test fails under CI and skips on a laptop."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path:
            return path
        missing = f"{program} is not installed (components are listed in .ci/run)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)

    return find
