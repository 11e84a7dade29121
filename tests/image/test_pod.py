"""The image as the chart's pod runs it: ready, probed, given a large capture, debugged, saved, stopped and started."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chart.rendering import Rendered
from tests.image.engine import Engine, Pod
from tests.jobs.captures import capture
from tests.web.server import wait_for

pytestmark = pytest.mark.image

READY_S = 10.0
STOPPED_S = 10.0


def upload(pod: Pod, path: Path) -> str:
    with path.open("rb") as file:
        answer = pod.client.post("/api/upload", files={"file": (path.name, file)})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def finished(pod: Pod, task_id: str, *states: str) -> dict[str, Any]:
    return wait_for(pod.client, task_id, *(states or ("succeeded", "failed")), seconds=120)


class Prober(threading.Thread):
    """Asks like the kubelet, and remembers how long each answer took."""

    def __init__(self, pod: Pod, probe: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{pod.port}{probe['httpGet']['path']}"
        self._timeout_s = probe["timeoutSeconds"]
        self._over = threading.Event()
        self.asked = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self._over.wait(0.5):
            self.asked += 1
            try:
                answer = httpx.get(self._url, timeout=self._timeout_s)
            except httpx.TransportError as error:
                self.failures.append(repr(error))
            else:
                if answer.status_code != 200:
                    self.failures.append(answer.text)

    def end(self) -> None:
        self._over.set()
        self.join()


def test_it_is_ready_in_time(engine: Engine, image: str, chart: Rendered, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    pod = Pod(engine, image, chart, tmp_path)
    try:
        ready_s = pod.start()
    finally:
        pod.remove()
    size = int(engine.podman("image", "inspect", "--format", "{{.Size}}", image))
    print(f"ready in {ready_s:.1f} s, image of {size / 1e6:.0f} MB")
    assert ready_s < READY_S


def test_it_may_do_nothing_but_its_work(pod: Pod) -> None:
    status = dict(line.split(":\t", 1) for line in pod.execute("cat", "/proc/1/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["1000"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    refused = "import pathlib\ntry: pathlib.Path('/opt/x').touch()\nexcept OSError as error: print(error.errno)"
    assert pod.execute("python3", "-c", refused).strip() == "30"  # EROFS
    assert pod.state()["HostConfig"]["Memory"] == 4 << 30
    assert int(pod.execute("cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")) == 4 << 30


def test_probes_are_answered_while_a_large_capture_is_analysed(pod: Pod, chart: Rendered, large: Path) -> None:
    probers = [Prober(pod, chart.container[f"{name}Probe"]) for name in ("startup", "liveness", "readiness")]
    for prober in probers:
        prober.start()
    done = finished(pod, upload(pod, large))
    for prober in probers:
        prober.end()
    assert done["status"] == "succeeded", done["reason"]
    assert pod.client.get(done["report"]["html"]).status_code == 200
    assert [prober.failures for prober in probers] == [[], [], []]
    assert all(prober.asked > 2 for prober in probers)


def test_the_documented_debug_command_works(pod: Pod) -> None:
    ask = "import urllib.request; print(urllib.request.urlopen('http://localhost:{}/api/health').read().decode())"
    assert '"status":"healthy"' in pod.execute("python", "-c", ask.format(pod.port))
    assert pod.execute("pcap-analyzer", "--version").strip()


def test_a_backup_of_the_running_pod_opens_elsewhere(
    engine: Engine, pod: Pod, image: str, chart: Rendered, tmp_path: Path
) -> None:
    small = tmp_path / "small.pcap"
    small.write_bytes(capture(50))
    done = finished(pod, upload(pod, small))
    pod.execute("pcap-analyzer", "backup", "/data/saved")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    other = Pod(engine, image, chart, elsewhere)
    try:
        other.run_once(f"--volume={pod.volume / 'saved'}:/saved:ro", "restore", "/saved")
        other.start()
        assert other.client.get(done["report"]["html"]).content[:15] == b"<!doctype html>"
        assert other.client.get("/api/history").json()["total"] == pod.client.get("/api/history").json()["total"]
    finally:
        other.remove()


def test_stopped_while_it_works_it_goes_on_after_a_restart(pod: Pod, large: Path) -> None:
    task_id = upload(pod, large)
    finished(pod, task_id, "running", "succeeded")
    assert pod.stop() < STOPPED_S
    assert pod.start() < READY_S
    done = finished(pod, task_id)
    assert done["status"] == "succeeded", done["reason"]


def test_a_capture_beyond_the_limit_fails_alone(
    engine: Engine, image: str, chart: Rendered, tmp_path: Path, many_flows: Path
) -> None:
    tmp_path.chmod(0o777)
    pod = Pod(engine, image, chart, tmp_path, ANALYSIS_MEMORY_MB="256")
    try:
        pod.start()
        done = finished(pod, upload(pod, many_flows))
        assert done["status"] == "failed"
        assert "memory" in done["reason"]
        assert pod.is_ready()
        assert pod.state()["State"]["Running"] is True
    finally:
        pod.remove()
