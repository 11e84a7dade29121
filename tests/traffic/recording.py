"""One recording: hosts and link set up, captured while a scenario runs, and the truth about it written down."""

import json
import os
import random
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.traffic import counters
from tests.traffic.capturing import Calendar, Tcpdump, insert_silences
from tests.traffic.link import Link
from tests.traffic.namespaces import Host
from tests.traffic.processes import Program
from tests.traffic.scenario import (
    CLIENT,
    CLIENT6,
    SERVER,
    SERVER6,
    Diagnosis,
    Network,
    Outcome,
    Plan,
    Scenario,
)

# What is still under way when the programs have ended: FINs, the last acknowledgements.
SETTLE_S = 0.5
# Nothing of the machine's own ways: what it forwards, what earlier connections taught, what it tries on its own.
SETTINGS = {
    "net.ipv4.ip_forward": 0,
    "net.ipv4.tcp_no_metrics_save": 1,
    "net.ipv4.tcp_mtu_probing": 0,
}


class Wire:
    """The link in its own process, until stop() asks what it did."""

    def __init__(self, link: Link) -> None:
        self._heard, self._stop = os.pipe()
        self._program = Program(lambda: None, self._carry, link)

    def _carry(self, link: Link) -> dict[str, Any]:
        return link.carry(self._heard)

    def stop(self) -> dict[str, Any]:
        # A byte, not an end of file: servers that were forked later hold this pipe open too.
        os.write(self._stop, b"!")
        told: dict[str, Any] = self._program.result()
        return told

    def end(self) -> None:
        self._program.end()
        os.close(self._heard)
        os.close(self._stop)


def record(scenario: Scenario, seed: int, folder: Path) -> dict[str, Any]:
    """Record a scenario into `folder`: client.pcap, server.pcap or mirror.pcap, and truth.json, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = scenario.plan(random.Random(f"{seed} {scenario.name}"))
    started = time.time_ns()
    with tempfile.TemporaryDirectory() as scratch:
        calendar = Calendar(Path(scratch, "silences"))
        happened = _happen(plan, seed, folder, calendar)
        for name in happened["captures"]:
            insert_silences(folder / f"{name}.pcap", calendar.silences())
        silences = calendar.silences()
    diagnoses = plan.diagnose(Outcome(happened["link_did"], happened["returned"]))
    for name in happened["captures"].keys() - diagnoses.keys():
        (folder / f"{name}.pcap").unlink()
    truth = {
        "scenario": scenario.name,
        "what": scenario.what,
        "seed": seed,
        "recorded": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started / 1e9)),
        "kernel": os.uname().release,
        "configured": _configured(plan),
        "silences_s": [longer / 1e9 for _, longer in silences],
        "expected": {name: _expected(diagnosis) for name, diagnosis in diagnoses.items()},
        "shows": plan.shows,
        **happened,
    }
    (folder / "truth.json").write_text(_written(truth))
    return truth


def _happen(plan: Plan, seed: int, folder: Path, calendar: Calendar) -> dict[str, Any]:
    with ExitStack() as stack:
        hosts = _hosts(plan, stack)
        client, server = hosts["client"], hosts["server"]
        link = Link((client.tap, server.tap), (plan.to_server, plan.to_client), plan.boxes, seed)
        if plan.mirror:
            link.mirror = (hosts["mirror"].tap, plan.mirror)
        wire = Wire(link)
        stack.callback(wire.end)
        dumps = {}
        for name, host in hosts.items():
            dumps[name] = Tcpdump(host, folder / f"{name}.pcap", plan.snap_length)
            stack.callback(dumps[name].end)
        returned = plan.run(Network(client, server, calendar))
        time.sleep(SETTLE_S)
        counted = {name: host.run(counters.of_this_host) for name, host in hosts.items()}
        captures = {name: dump.stop() for name, dump in dumps.items()}
        return {"returned": returned, "captures": captures, "kernel_counters": counted, "link_did": wire.stop()}


def _hosts(plan: Plan, stack: ExitStack) -> dict[str, Host]:
    """Client and server, each with its addresses; and a third without any, where there is a mirror to look into."""
    hosts = {}
    client = hosts["client"] = Host("eth0", "02:00:00:00:00:01")
    stack.callback(client.end)
    server = hosts["server"] = Host("eth0", "02:00:00:00:00:02")
    stack.callback(server.end)
    settings = SETTINGS | dict(plan.settings)
    client.set_up([f"{CLIENT}/24", f"{CLIENT6}/64", *plan.more_client_addresses], settings, plan.mtu)
    server.set_up([f"{SERVER}/24", f"{SERVER6}/64", *plan.more_server_addresses], settings, plan.mtu)
    # The server's host is the way to everywhere: what it has no address for is nobody.
    for host, other, other6 in ((client, SERVER, SERVER6), (server, CLIENT, CLIENT6)):
        _route(host, "10.77.0.0/24")
        _route(host, "fd77::/64")
        _route(host, "default", "via", other)
        _route(host, "fd88::/16", "via", other6)
    if plan.mirror:
        mirror = hosts["mirror"] = Host("span0", "02:00:00:00:00:03")
        stack.callback(mirror.end)
        mirror.set_up([], SETTINGS | {"net.ipv6.conf.all.disable_ipv6": 1})
    return hosts


def _route(host: Host, *route: str) -> None:
    # A kernel's favourite algorithm may not be set by sysctl in a namespace (restricted), but by route.
    available = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    algorithm = "cubic" if "cubic" in available else "reno"
    host.command("ip", "route", "replace", *route, "dev", host.device, "congctl", algorithm)


def _configured(plan: Plan) -> dict[str, Any]:
    boxes: list[dict[str, Any]] = [
        {"kind": type(box).__name__} | {k: v for k, v in vars(box).items() if isinstance(v, int | float | str)}
        for box in plan.boxes
    ]
    return {
        "client_to_server": asdict(plan.to_server),
        "server_to_client": asdict(plan.to_client),
        "middleboxes": boxes,
        "mirror": asdict(plan.mirror) if plan.mirror else None,
        "settings": dict(plan.settings),
        "snap_length": plan.snap_length,
        "mtu": plan.mtu,
        "client": [CLIENT, CLIENT6, *plan.more_client_addresses],
        "server": [SERVER, SERVER6, *plan.more_server_addresses],
        **plan.configured,
    }


def _expected(diagnosis: Diagnosis) -> dict[str, Any]:
    first = [
        {
            "id": finding.id,
            "direction": finding.direction,
            "measure": dict(zip(("name", "value", "unit"), finding.measure, strict=True)) if finding.measure else None,
            "tolerance": finding.tolerance,
        }
        for finding in diagnosis.first
    ]
    return {"first": first, "also": list(diagnosis.also)}


def _written(truth: Mapping[str, Any]) -> str:
    """A line a part, and a line an event of the link: small, and it can be read and compared."""
    parts = []
    for name, value in truth.items():
        text = json.dumps(value)
        if name == "link_did":
            events = ",\n  ".join(map(json.dumps, value["events"]))
            text = json.dumps({k: v for k, v in value.items() if k != "events"})[:-1] + f', "events": [\n  {events}]}}'
        parts.append(f'"{name}": {text}')
    return "{\n" + ",\n".join(parts) + "\n}\n"
