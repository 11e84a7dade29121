"""The package as others get it: built from source on their machine, without this repository."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.long
def test_the_sdist_installs_and_runs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [archive] = tmp_path.glob("*.tar.gz")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", str(archive)], check=True, cwd=tmp_path)
    command = [str(venv / "bin" / "pcap-analyzer"), "--help"]
    told = subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, text=True)
    assert "analyze" in told.stdout


@pytest.mark.parametrize("name", ["base", "dev", "runtime"])
def test_what_the_package_needs_is_pinned(name: str) -> None:
    """runtime.txt is all that the image has: what is missing there is missing at its start."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[^\w.-]", one)[0].lower().replace(".", "-") for one in project["dependencies"]}
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / f"{name}.txt").read_text("utf-8"), re.MULTILINE)
    assert len(needed) > 10
    assert needed <= {one.lower().replace(".", "-") for one in pinned}
