"""buildah and podman without a daemon and without a registry, and one container as the rendered pod describes it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from tests.chart.rendering import Rendered

BASE = "localhost/pcap-analyzer-base:bookworm"
IMAGE = "localhost/pcap-analyzer:test"
# runc wants to raise both, and may not where the machine itself is a container.
ULIMITS = ("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096")
TOKEN = "a-token-of-the-image-test"
GIB = 1 << 30


class Engine:
    """Images and containers below a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._store = [f"--root={folder / 'store'}", f"--runroot={folder / 'run'}", "--storage-driver=overlay"]
        self._environment = {**os.environ, "TMPDIR": str(folder)}

    def buildah(self, *arguments: str, cwd: Path | None = None) -> str:
        return self._run(["buildah", *self._store, *arguments], cwd)

    def podman(self, *arguments: str) -> str:
        options = ["--runtime=runc", "--cgroup-manager=cgroupfs", "--events-backend=none"]
        return self._run(["podman", *self._store, *options, *arguments], None)

    def _run(self, command: list[str], cwd: Path | None) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=self._environment, check=False, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def build(self, project: Path) -> str:
        """Build the project's image, on a Debian that debootstrap makes the first time."""
        if BASE not in self.buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
            self._make_base()
        context = self._folder / "context"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=project, check=True, capture_output=True, encoding="utf-8"
        )
        for name in listed.stdout.split("\0"):
            if name and (project / name).is_file():
                (context / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(project / name, context / name)
        # The machine's certificates: where a proxy stands before the registries, only the machine knows whom to trust.
        trust = "--volume=/etc/ssl/certs:/etc/ssl/certs:ro"
        options = ["--isolation=chroot", "--pull-never", "--format=docker", "--network=host", trust]
        self.buildah("bud", *options, f"--build-arg=BASE={BASE}", "-t", IMAGE, ".", cwd=context)
        return IMAGE

    def _make_base(self) -> None:
        rootfs = self._folder / "rootfs"
        shutil.rmtree(rootfs, ignore_errors=True)
        self._run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(rootfs)], None)
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, str(rootfs), "/")
        self.buildah("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(rootfs)

    def everything_said(self, name: str) -> str:
        """What a container wrote to both its outputs."""
        path = self.inspect(name)["HostConfig"]["LogConfig"]["Path"]
        return Path(path).read_text("utf-8", "replace")

    def inspect(self, name: str) -> dict[str, Any]:
        [found] = json.loads(self.podman("inspect", name))
        assert isinstance(found, dict)
        return found


class Pod:
    """A container with the pod's environment, user, root, capabilities, volumes and limits. changes: of environment."""

    def __init__(self, engine: Engine, image: str, chart: Rendered, volume: Path, **changes: str) -> None:
        self._engine = engine
        self._image = image
        self._chart = chart
        self.volume = volume
        self._changes = changes
        self.name = f"pcap-analyzer-test-{os.getpid()}-{volume.name}"
        self.port = _free_port()
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=60, headers={"Authorization": f"Bearer {TOKEN}"}
        )

    def start(self) -> float:
        """Start it; seconds until it was ready."""
        began = time.monotonic()
        # Its health check asks the port that a pod has; the tests probe as the kubelet does.
        named = ["--detach", "--replace", "--no-healthcheck", "--log-driver=k8s-file", f"--name={self.name}"]
        self._engine.podman("run", *named, *self._options(), self._image, *self._arguments())
        while not self.is_ready():
            waiting = self.state()["State"]["Running"] is True and time.monotonic() < began + 60
            assert waiting, self._engine.everything_said(self.name)
            time.sleep(0.05)
        return time.monotonic() - began

    def run_once(self, option: str, *arguments: str) -> str:
        """Another command of the image on the same volume, to its end."""
        return self._engine.podman("run", "--rm", option, *self._options(), self._image, *arguments)

    def is_ready(self) -> bool:
        path = self._chart.container["readinessProbe"]["httpGet"]["path"]
        try:
            # As the kubelet asks: by the pod's address, without a token.
            asked = httpx.get(f"http://127.0.0.1:{self.port}{path}", headers={"Host": f"10.42.0.7:{self.port}"})
        except httpx.TransportError:
            return False
        return asked.status_code == 200

    def execute(self, *command: str) -> str:
        return self._engine.podman("exec", self.name, *command)

    def state(self) -> dict[str, Any]:
        return self._engine.inspect(self.name)

    def stop(self) -> float:
        """SIGTERM, as the kubelet sends it; seconds until it had ended."""
        began = time.monotonic()
        self._engine.podman("kill", "--signal=TERM", self.name)
        self._engine.podman("wait", self.name)
        return time.monotonic() - began

    def remove(self) -> None:
        self.client.close()
        self._engine.podman("rm", "--force", "--time=0", "--ignore", self.name)

    def _options(self) -> list[str]:
        pod, container = self._chart.pod, self._chart.container
        inside, secure, limits = pod["securityContext"], container["securityContext"], container["resources"]["limits"]
        assert limits["memory"].endswith("Gi")
        options = [
            "--network=host",
            f"--user={inside['runAsUser']}:{inside['runAsGroup']}",
            f"--memory={int(limits['memory'][:-2]) * GIB}",
            f"--cpus={limits['cpu']}",
            f"--volume={self.volume}:{self._chart.environment['DATA_DIR']}",
            "--tmpfs=/tmp:rw,size=64m",
            *ULIMITS,
        ]
        if secure["readOnlyRootFilesystem"]:
            options += ["--read-only", "--read-only-tmpfs=false"]
        if not secure["allowPrivilegeEscalation"]:
            options.append("--security-opt=no-new-privileges")
        options += [f"--cap-drop={name}" for name in secure["capabilities"]["drop"]]
        environment = {**self._chart.environment, "AUTH_TOKEN": TOKEN, **self._changes}
        return options + [f"--env={name}={value}" for name, value in environment.items()]

    def _arguments(self) -> list[str]:
        # The machine's network is the container's here, where one port can be taken once.
        return ["serve", "--host", "0.0.0.0", "--port", str(self.port)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
