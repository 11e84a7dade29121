"""What is asked of the chart, value by value: the objects of an installation without a value."""

import base64

import pytest

from tests.chart.rendering import NAMESPACE, Rendered, render

pytestmark = pytest.mark.chart

TIMINGS = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold")


def test_these_objects_are_made_and_no_others(default: Rendered) -> None:
    kinds = sorted(found["kind"] for found in default.objects)
    assert kinds == ["Deployment", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"]
    assert {found["metadata"]["namespace"] for found in default.objects} == {NAMESPACE}


def test_everything_carries_the_names_that_commands_use(default: Rendered) -> None:
    for kind in ("Deployment", "Service", "PersistentVolumeClaim", "ServiceAccount"):
        assert default.one(kind)["metadata"]["name"] == "pcap-analyzer"
    for found in default.objects:
        assert found["metadata"]["labels"]["app.kubernetes.io/name"] == "pcap-analyzer"


def test_there_is_one_pod_and_never_two_at_once(default: Rendered) -> None:
    spec = default.one("Deployment")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_the_service_is_a_node_port(default: Rendered) -> None:
    spec = default.one("Service")["spec"]
    assert spec["type"] == "NodePort"
    [port] = spec["ports"]
    assert (port["port"], port["nodePort"], port["targetPort"]) == (8000, 30080, "http")
    [own] = default.container["ports"]
    assert (own["name"], own["containerPort"]) == ("http", 8000)


def test_the_service_finds_the_pod_and_not_the_test(default: Rendered) -> None:
    selector = default.one("Service")["spec"]["selector"]
    deployment = default.one("Deployment")["spec"]
    assert selector.items() <= deployment["template"]["metadata"]["labels"].items()
    assert deployment["selector"]["matchLabels"] == selector
    assert not selector.items() <= default.one("Pod")["metadata"]["labels"].items()


def test_the_volume_is_claimed_and_mounted(default: Rendered) -> None:
    claim = default.one("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "10Gi"
    assert "storageClassName" not in claim["spec"]
    assert "annotations" not in claim["metadata"]
    [volume] = [volume for volume in default.pod["volumes"] if "persistentVolumeClaim" in volume]
    assert volume["persistentVolumeClaim"]["claimName"] == "pcap-analyzer"
    assert {"name": volume["name"], "mountPath": "/data"} in default.container["volumeMounts"]


@pytest.mark.parametrize(
    ("probe", "asked", "timings"),
    [
        ("startupProbe", "liveness", (0, 2, 5, 60)),
        ("livenessProbe", "liveness", (30, 10, 5, 3)),
        ("readinessProbe", "readiness", (10, 5, 3, 2)),
    ],
)
def test_probes_ask_for_health(default: Rendered, probe: str, asked: str, timings: tuple[int, ...]) -> None:
    told = default.container[probe]
    assert told["httpGet"] == {"path": f"/api/health?probe={asked}", "port": "http"}
    assert tuple(told[timing] for timing in TIMINGS) == timings


def test_resources_are_those_of_the_table(default: Rendered) -> None:
    assert default.container["resources"] == {
        "requests": {"cpu": "1", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "4Gi"},
    }


def test_every_setting_has_its_value(default: Rendered) -> None:
    assert default.environment == {
        "DATA_DIR": "/data",
        "TMPDIR": "/data",
        "MAX_UPLOAD_SIZE_MB": "4096",
        "REPORT_TTL_HOURS": "24",
        "LOG_LEVEL": "INFO",
        "LOG_MODE": "production",
        "AUDIT_LOG": "file",
        "AUDIT_LOG_MAX_MB": "100",
        "RATE_LIMIT_PER_MINUTE": "6000",
        "MAX_QUEUE_SIZE": "5",
        "WORKERS": "1",
        "ANALYSIS_MEMORY_MB": "3584",
        "ANALYSIS_CPU_SECONDS": "3600",
        "DECOMPRESSION_RATIO_WARN": "1000",
        "DECOMPRESSION_RATIO_MAX": "10000",
        "AUTH_MODE": "token",
    }


def test_the_token_comes_from_the_secret(default: Rendered) -> None:
    [token] = [variable for variable in default.container["env"] if variable["name"] == "AUTH_TOKEN"]
    secret = default.one("Secret")
    assert token["valueFrom"]["secretKeyRef"] == {"name": secret["metadata"]["name"], "key": "token"}
    assert len(base64.b64decode(secret["data"]["token"])) == 40


def test_the_token_is_random(default: Rendered, helm: str) -> None:
    assert render(helm).one("Secret")["data"] != default.one("Secret")["data"]


def test_both_pods_are_restricted(default: Rendered) -> None:
    for pod in (default.pod, default.one("Pod")["spec"]):
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    assert default.one("ServiceAccount")["automountServiceAccountToken"] is False


def test_tmp_is_in_memory(default: Rendered) -> None:
    [volume] = [volume for volume in default.pod["volumes"] if volume["name"] == "tmp"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}
    assert {"name": "tmp", "mountPath": "/tmp"} in default.container["volumeMounts"]


def test_the_image_is_that_of_the_chart(default: Rendered) -> None:
    assert default.container["image"] == "pcap-analyzer:0.1.0"
    assert default.container["imagePullPolicy"] == "IfNotPresent"
    assert default.container["args"] == ["serve", "--host", "0.0.0.0", "--port", "8000"]
    assert default.pod["terminationGracePeriodSeconds"] == 30


def test_helm_test_asks_through_the_service(default: Rendered) -> None:
    pod = default.one("Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    [container] = pod["spec"]["containers"]
    assert container["image"] == default.container["image"]
    assert "http://pcap-analyzer:8000/api/health?probe=readiness" in container["command"][-1]
    compile(container["command"][-1], "the command", "exec")
