"""What stands in the chart's files beside the templates; needs no helm."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from pcap_analyzer import __version__
from tests.chart.rendering import CASES, CHART

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
README = (CHART / "README.md").read_text()
# What the schema leaves open or the chart never reads.
FREE = {"global"}


def leaves(values: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def properties(schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for key, described in schema.get("properties", {}).items():
        yield f"{before}{key}", described
        yield from properties(described, f"{before}{key}.")


def test_the_chart_is_that_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["apiVersion"], chart["name"], chart["type"]) == ("v2", "pcap-analyzer", "application")
    assert chart["appVersion"] == __version__


def test_the_schema_describes_every_key_and_refuses_others() -> None:
    for name, described in properties(SCHEMA):
        assert described.get("description"), name
        if "properties" in described:
            assert described["additionalProperties"] is False, name
    assert SCHEMA["additionalProperties"] is False


def test_schema_and_values_name_the_same_keys() -> None:
    described = {name for name, schema in properties(SCHEMA) if "properties" not in schema} - FREE
    assert described == set(leaves(VALUES))


def test_the_readme_tells_of_every_value_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `([^|]*)` \|", README, re.MULTILINE))
    assert set(rows) == set(leaves(VALUES))
    for name, shown in rows.items():
        value: Any = VALUES
        for part in name.split("."):
            value = value[part]
        assert yaml.safe_load(shown) == value, name


def test_cases_cover_every_switch() -> None:
    changed = {name for case in CASES for name in leaves(yaml.safe_load(case.read_text()))}
    switches = {name for name in leaves(VALUES) if name.endswith(".enabled")}
    assert switches - {"ingress.tls.enabled"} <= changed


def test_the_examples_are_what_they_say() -> None:
    cluster = yaml.safe_load((CHART / "examples" / "kind-cluster.yaml").read_text())
    [node] = cluster["nodes"]
    [mapping] = node["extraPortMappings"]
    assert (mapping["containerPort"], mapping["hostPort"]) == (VALUES["service"]["nodePort"], 8000)
    snapshot = yaml.safe_load((CHART / "examples" / "volume-snapshot.yaml").read_text())
    assert (snapshot["apiVersion"], snapshot["kind"]) == ("snapshot.storage.k8s.io/v1", "VolumeSnapshot")
    assert set(snapshot["spec"]) == {"volumeSnapshotClassName", "source"}
    assert snapshot["spec"]["source"] == {"persistentVolumeClaimName": "pcap-analyzer"}
