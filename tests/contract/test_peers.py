"""The contract of jobs.ports.Peers, for every way to know each other."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pcap_analyzer.adapters.peers import FilePeers

Join = Callable[[int], FilePeers]
STRANGER = """
import sys, time
from pathlib import Path
from pcap_analyzer.adapters.peers import FilePeers
print(FilePeers(Path(sys.argv[1]), 3).name, flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["files"])
def join(request: pytest.FixtureRequest, tmp_path: Path) -> Join:
    return {"files": lambda workers: FilePeers(tmp_path / "peers", workers)}[request.param]


def test_whoever_joined_lives_until_it_leaves(join: Join) -> None:
    one, other = join(1), join(2)
    assert one.alive(one.name)
    assert one.alive(other.name)
    assert one.workers() == other.workers() == 3
    other.leave()
    other.leave()
    assert not one.alive(other.name)
    assert one.workers() == 1


def test_a_killed_process_is_known_to_have_ended(join: Join, tmp_path: Path) -> None:
    mine = join(0)
    with subprocess.Popen(
        [sys.executable, "-c", STRANGER, str(tmp_path / "peers")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert mine.alive(name)
        assert mine.workers() == 3
        process.kill()
        process.wait()
    assert not mine.alive(name)
    assert mine.workers() == 0


@pytest.mark.parametrize("name", ["0" * 16, "who-was-never-there"])
def test_nobody_lives_who_never_joined(join: Join, name: str) -> None:
    assert not join(1).alive(name)
