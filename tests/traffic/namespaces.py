"""Hosts that are network namespaces without a name: a recording that is killed leaves nothing behind.

Everything a host does runs in a forked process inside its namespace, so no socket of it can leave.
"""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.traffic.processes import Program, Server, checked, libc

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
TUN = Path("/dev/net/tun")


def why_not() -> str:
    """What this machine lacks for recording; nothing when it can."""
    if os.geteuid():
        return "recording needs root, for network namespaces"
    for program in ("ip", "tcpdump"):
        if not shutil.which(program):
            return f"recording needs {program}, which is not installed (components are listed in .ci/run)"
    if not TUN.exists():
        return f"recording needs {TUN}"
    if Program(lambda: None, _unshare).result():
        return "recording needs network namespaces, which this kernel or container does not give"
    return ""


def _unshare() -> int:
    return int(libc.unshare(CLONE_NEWNET))


class Host:
    """One namespace with one TAP device; `tap` is the other end of its cable."""

    def __init__(self, device: str, mac: str) -> None:
        self.device, self.mac = device, mac
        self.servers: list[Server] = []
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        checked(libc.unshare(CLONE_NEWNET), "a network namespace")
        self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.tap = _open_tap(device)
        checked(libc.setns(home, CLONE_NEWNET), "the way back")
        os.close(home)

    def enter(self) -> None:
        checked(libc.setns(self.namespace, CLONE_NEWNET), "entering a namespace")

    def start(self, work: Callable[..., Any], *args: Any) -> Program:
        return Program(self.enter, work, *args)

    def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return self.start(work, *args).result()

    def serve(self, work: Callable[..., Any], *args: Any) -> None:
        """Start a server, work(ready, *args), that runs until the recording ends; return when it listens."""
        self.servers.append(Server(self.enter, work, *args))

    def command(self, *command: str) -> str:
        inside = self.enter  # before the program is there; this process has no threads
        done = subprocess.run(command, preexec_fn=inside, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def set_up(self, addresses: list[str], settings: Mapping[str, str | int], mtu: int = 1500) -> None:
        """Addresses with their prefixes (10.77.0.1/24) for the device, settings (net.ipv4.…) for the kernel."""
        quiet = {
            f"net.ipv6.conf.{self.device}.{name}": 0 for name in ("accept_ra", "accept_dad", "router_solicitations")
        }
        self.run(_write_settings, quiet | dict(settings))
        self.command("ip", "link", "set", "lo", "up")
        self.command("ip", "link", "set", self.device, "address", self.mac, "mtu", str(mtu))
        self.command("ip", "link", "set", self.device, "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            self.command("ip", "address", "add", address, "dev", self.device, *nodad)

    def end(self) -> None:
        for server in self.servers:
            server.end()
        os.close(self.tap)
        os.close(self.namespace)


def with_files(replaced: Mapping[str, str]) -> None:
    """Let files have another content in this process alone: {"/etc/resolv.conf": "nameserver …"}."""
    checked(libc.unshare(CLONE_NEWNS), "a mount namespace")
    checked(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "a private /")
    for path, text in replaced.items():
        copy = Path(f"/tmp/recording-{os.getpid()}{path.replace('/', '-')}")
        copy.write_text(text)
        try:
            checked(libc.mount(str(copy).encode(), path.encode(), None, MS_BIND, None), f"mounting over {path}")
        finally:
            copy.unlink()


def _open_tap(device: str) -> int:
    file = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
    return file


def _write_settings(settings: Mapping[str, str | int]) -> None:
    for name, value in settings.items():
        Path("/proc/sys", name.replace(".", "/")).write_text(str(value))
