"""Every case of ci/ is good Helm and good Kubernetes."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CASES, CHART, NAMESPACE, RELEASE, render, template

pytestmark = pytest.mark.chart

VERSIONS = ("1.27", "1.30", "1.34", "1.37")
CUSTOM = {"ServiceMonitor"}  # no schema of Kubernetes knows them; test_values does


@pytest.mark.parametrize("values", CASES, ids=lambda values: values.stem)
def test_helm_lints_it(helm: str, values: Path) -> None:
    command = [helm, "lint", "--strict", str(CHART), "--values", str(values)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[ERROR]" not in done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", CASES, ids=lambda values: values.stem)
def test_kubernetes_takes_it(
    helm: str, component: Callable[[str], str], tmp_path: Path, values: Path, version: str
) -> None:
    objects = list(yaml.safe_load_all(template(helm, "--values", str(values)).stdout))
    known = [found for found in objects if found and found["kind"] not in CUSTOM]
    assert len(known) >= 3
    file = tmp_path / "rendered.yaml"
    file.write_text(yaml.safe_dump_all(known))
    command = [component("kubernetes-validate"), "-k", version, "--strict", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # A kind or a version that it does not know passes, with a warning.
    assert "WARN" not in done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_pod_that_restores(component: Callable[[str], str], version: str) -> None:
    file = CHART / "examples" / "restore-pod.yaml"
    command = [component("kubernetes-validate"), "-k", version, "--strict", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_validator_can_fail(component: Callable[[str], str], tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 1, knob: 2}]}\n")
    command = [component("kubernetes-validate"), "-k", VERSIONS[0], "--strict", str(file)]
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0


def notes(helm: str, copy: Path, values: Path) -> str:
    """NOTES.txt as Helm prints it. That asks a cluster; `helm template` does not, and leaves the notes out."""
    shutil.copytree(CHART, copy)
    text = (copy / "templates" / "NOTES.txt").read_text()
    (copy / "templates" / "_notes.tpl").write_text('{{ define "notes" }}' + text + "{{ end }}")
    (copy / "templates" / "notes.yaml").write_text('kind: Notes\ntext: {{ include "notes" . | quote }}\n')
    rendered = render(helm, "--values", str(values), "--show-only", "templates/notes.yaml", chart=copy)
    return str(rendered.one("Notes")["text"])


@pytest.mark.parametrize("values", CASES, ids=lambda values: values.stem)
def test_notes_say_how_to_come_in(helm: str, tmp_path: Path, values: Path) -> None:
    told = notes(helm, tmp_path / "chart", values)
    assert f"helm test -n {NAMESPACE} {RELEASE}" in told
    if values.stem == "ephemeral-values":
        assert "Whoever reaches the port reads every capture" in told
        assert "Captures and reports are lost when the pod goes" in told
    else:
        assert f"kubectl get secret -n {NAMESPACE} pcap" in told
        assert "lost" not in told
