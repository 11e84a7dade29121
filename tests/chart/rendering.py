"""The chart as Helm renders it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "chart"
CASES = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE, NAMESPACE = "pcap-analyzer", "captures"

Object = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """The objects of one rendering."""

    objects: list[Object]

    def of(self, kind: str) -> list[Object]:
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str) -> Object:
        [found] = self.of(kind)
        return found

    @property
    def pod(self) -> Object:
        return self.one("Deployment")["spec"]["template"]["spec"]

    @property
    def container(self) -> Object:
        [container] = self.pod["containers"]
        return container

    @property
    def environment(self) -> dict[str, str]:
        return {variable["name"]: variable["value"] for variable in self.container["env"] if "value" in variable}


def template(helm: str, *arguments: str, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """`helm template`, whatever comes of it."""
    command = [helm, "template", RELEASE, str(chart), "--namespace", NAMESPACE, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def render(helm: str, *arguments: str, chart: Path = CHART) -> Rendered:
    done = template(helm, *arguments, chart=chart)
    assert done.returncode == 0, done.stderr
    return Rendered([found for found in yaml.safe_load_all(done.stdout) if found])


def sets(**values: object) -> list[str]:
    """Arguments of Helm: sets(env__workers=3) is --set env.workers=3."""
    return [part for name, value in values.items() for part in ("--set", f"{name.replace('__', '.')}={value}")]
