"""Processors: a container's quota counts, in either version of control groups."""

import os
from pathlib import Path

import pytest

from pcap_analyzer.cores import available_cores

V1 = {"cpu,cpuacct/cpu.cfs_period_us": "100000\n"}


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A root folder with what the kernel would show."""
    for name, text in {
        "proc/self/cgroup": groups,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def _sixteen_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        pytest.param("0::/\n", {}, 16, id="no-group"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, 16, id="no-limit"),
        pytest.param("0::/\n", {"cpu.max": "200000 100000\n"}, 2, id="container"),
        pytest.param("0::/\n", {"cpu.max": "399999 100000\n"}, 3, id="part-of-one"),
        pytest.param("0::/\n", {"cpu.max": "25000 100000\n"}, 1, id="less-than-one"),
        pytest.param("0::/\n", {"cpu.max": "6400000 100000\n"}, 16, id="more-than-there-are"),
        pytest.param("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3, id="above"),
        pytest.param("0::/../b\n", {"cpu.max": "500000 100000\n"}, 5, id="outside"),
        pytest.param("0::/\n", {"cpu.max": "200000 0\n"}, 16, id="no-period"),
        pytest.param("0::/\n", {"cpu.max": "lots\n"}, 16, id="nonsense"),
        pytest.param("4:cpu,cpuacct:/\n", {**V1, "cpu,cpuacct/cpu.cfs_quota_us": "400000\n"}, 4, id="version-1"),
        pytest.param("4:cpu,cpuacct:/\n", {**V1, "cpu,cpuacct/cpu.cfs_quota_us": "-1\n"}, 16, id="version-1-no-limit"),
        pytest.param("3:cpuset:/\n", {"cpuset/cpu.max": "100000 100000\n"}, 16, id="another-controller"),
    ],
)
def test_the_quota_of_the_container_counts(tmp_path: Path, groups: str, files: dict[str, str], cores: int) -> None:
    assert available_cores(system(tmp_path, groups, files)) == cores


def test_what_it_is_pinned_to_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert available_cores(system(tmp_path, "0::/\n", {"cpu.max": "200000 100000\n"})) == 1
