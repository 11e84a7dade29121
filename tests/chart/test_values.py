"""What a value changes."""

from pathlib import Path

import pytest

from tests.chart.rendering import CASES, CHART, Rendered, render, sets

pytestmark = pytest.mark.chart


def case(helm: str, name: str) -> Rendered:
    return render(helm, "--values", str(CHART / "ci" / f"{name}-values.yaml"))


def test_kind_uses_the_image_that_was_loaded(helm: str) -> None:
    rendered = case(helm, "kind")
    assert rendered.container["image"] == "pcap-analyzer:test"
    assert rendered.container["imagePullPolicy"] == "Never"
    assert rendered.one("PersistentVolumeClaim")["spec"]["storageClassName"] == "standard"


@pytest.mark.parametrize(
    ("limits", "workers", "megabytes"),
    [
        ({"cpu": "2", "memory": "4Gi"}, 1, 3584),
        ({"cpu": "1", "memory": "2Gi"}, 1, 1536),
        ({"cpu": "500m", "memory": "768Mi"}, 1, 256),
        ({"cpu": "4500m", "memory": "16Gi"}, 3, 5290),
        ({"cpu": "8", "memory": "17179869184"}, 7, 2267),
        ({"cpu": "3", "memory": "4G"}, 2, 1651),
    ],
)
def test_analyses_fit_into_the_container(helm: str, limits: dict[str, str], workers: int, megabytes: int) -> None:
    arguments = [
        part for name, value in limits.items() for part in ("--set-string", f"resources.limits.{name}={value}")
    ]
    environment = render(helm, *arguments).environment
    assert (environment["WORKERS"], environment["ANALYSIS_MEMORY_MB"]) == (str(workers), str(megabytes))


def test_large_numbers_stay_whole(helm: str) -> None:
    # Helm reads numbers as floats, and prints 16777216 as 1.6777216e+07.
    rendered = render(
        helm, *sets(env__maxUploadSizeMB=16777216, persistence__size="40Ti", env__analysisCpuSeconds=1234567)
    )
    assert rendered.environment["MAX_UPLOAD_SIZE_MB"] == "16777216"
    assert rendered.environment["ANALYSIS_CPU_SECONDS"] == "1234567"


def test_a_whole_number_is_a_quantity_too(helm: str) -> None:
    environment = render(helm, *sets(resources__limits__memory=2147483648, resources__limits__cpu=3)).environment
    assert (environment["WORKERS"], environment["ANALYSIS_MEMORY_MB"]) == ("2", "768")


def test_the_claim_is_kept_by_choice(helm: str) -> None:
    claim = render(helm, *sets(persistence__keep="true")).one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_a_claim_without_a_class(helm: str) -> None:
    assert (
        render(helm, *sets(persistence__storageClass="-")).one("PersistentVolumeClaim")["spec"]["storageClassName"]
        == ""
    )


def test_without_persistence_the_folder_goes_with_the_pod(helm: str) -> None:
    rendered = case(helm, "ephemeral")
    assert rendered.of("PersistentVolumeClaim") == rendered.of("Secret") == rendered.of("ServiceAccount") == []
    assert {"name": "data", "emptyDir": {"sizeLimit": "20Gi"}} in rendered.pod["volumes"]
    assert rendered.pod["serviceAccountName"] == "default"
    assert "nodePort" not in rendered.one("Service")["spec"]["ports"][0]


def test_without_a_token_the_service_is_told_so(helm: str) -> None:
    container = case(helm, "ephemeral").container
    assert {"name": "AUTH_MODE", "value": "none"} in container["env"]
    assert "AUTH_TOKEN" not in {variable["name"] for variable in container["env"]}


def test_an_ingress_lets_large_uploads_through(helm: str) -> None:
    rendered = case(helm, "ingress")
    ingress = rendered.one("Ingress")
    assert ingress["metadata"]["annotations"] == {
        "cert-manager.io/cluster-issuer": "letsencrypt-prod",
        "nginx.ingress.kubernetes.io/proxy-body-size": "50001m",
        "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
        "nginx.ingress.kubernetes.io/proxy-buffering": "off",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "7200",  # given: it wins
        "nginx.ingress.kubernetes.io/proxy-send-timeout": "3600",
    }
    spec = ingress["spec"]
    assert spec["ingressClassName"] == "nginx"
    hosts = ["pcap.example.com", "captures.example.com"]
    assert spec["tls"] == [{"hosts": hosts, "secretName": "pcap-analyzer-tls"}]
    assert [rule["host"] for rule in spec["rules"]] == hosts
    for rule in spec["rules"]:
        [path] = rule["http"]["paths"]
        assert (path["path"], path["pathType"]) == ("/", "Prefix")
        assert path["backend"] == {"service": {"name": "pcap-analyzer", "port": {"name": "http"}}}
    assert rendered.one("Service")["spec"]["type"] == "ClusterIP"


def test_the_network_policy_opens_8000_and_asks_dns_only(helm: str) -> None:
    spec = case(helm, "ingress").one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    [rule] = spec["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8000}]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
        {
            "podSelector": {
                "matchLabels": {
                    "app.kubernetes.io/instance": "pcap-analyzer",
                    "app.kubernetes.io/component": "test",
                }
            }
        },
        {"ipBlock": {"cidr": "192.0.2.0/24"}},
    ]
    [egress] = spec["egress"]
    assert egress["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


def test_the_network_policy_is_about_the_pod(helm: str) -> None:
    rendered = case(helm, "ingress")
    labels = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    for kind, selector in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        assert rendered.one(kind)["spec"][selector]["matchLabels"].items() <= labels.items()
    assert rendered.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 0


def test_prometheus_is_shown_the_token(helm: str) -> None:
    # No schema of Kubernetes knows this kind: here stands what the operator reads.
    rendered = case(helm, "ingress")
    monitor = rendered.one("ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    service = rendered.one("Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert set(monitor["spec"]) == {"selector", "endpoints"}
    assert monitor["spec"]["endpoints"] == [
        {
            "port": service["spec"]["ports"][0]["name"],
            "path": "/metrics",
            "interval": "30s",
            "authorization": {"type": "Bearer", "credentials": {"name": "pcap-token", "key": "token"}},
        }
    ]


def test_what_others_made_is_used(helm: str) -> None:
    rendered = case(helm, "existing-claim")
    assert rendered.of("PersistentVolumeClaim") == rendered.of("Secret") == rendered.of("ServiceAccount") == []
    volumes = {volume["name"]: volume for volume in rendered.pod["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": "captures-of-the-team"}
    assert rendered.pod["serviceAccountName"] == "captures"
    assert rendered.one("Service")["spec"]["loadBalancerSourceRanges"] == ["192.0.2.0/24"]
    assert rendered.environment["DATA_DIR"] == rendered.environment["TMPDIR"] == "/srv/captures"
    assert rendered.environment["DATABASE_URL"] == "sqlite:////srv/captures/other.db"
    assert rendered.environment["ANALYSIS_MEMORY_MB"] == "2048"
    assert rendered.environment["TZ"] == "Europe/Paris"
    assert rendered.pod["priorityClassName"] == "tools"
    assert rendered.pod["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert rendered.pod["tolerations"][0]["key"] == "captures"
    assert "nodeAffinity" in rendered.pod["affinity"]


def test_a_digest_stands_for_the_tag(helm: str) -> None:
    rendered = case(helm, "ingress")
    digest = "sha256:" + 64 * "0"
    assert rendered.container["image"] == f"registry.example.com:5000/tools/pcap-analyzer@{digest}"
    assert rendered.pod["imagePullSecrets"] == [{"name": "registry"}]


def test_proxies_are_named_to_the_service(helm: str) -> None:
    environment = case(helm, "ingress").environment
    assert environment["TRUSTED_PROXIES"] == "10.244.0.0/16,fd00::/8"
    assert environment["RATE_LIMIT_PER_MINUTE"] == "1200"
    assert (environment["AUDIT_LOG"], environment["AUDIT_LOG_MAX_MB"]) == ("stderr", "50")
    assert "TRUSTED_PROXIES" not in case(helm, "default").environment


def test_a_new_token_starts_the_pod_again(helm: str) -> None:
    first, second = (render(helm, *sets(auth__token=16 * letter)) for letter in "ab")
    annotations = [each.one("Deployment")["spec"]["template"]["metadata"]["annotations"] for each in (first, second)]
    assert annotations[0] != annotations[1]


@pytest.mark.parametrize("values", CASES, ids=lambda values: values.stem)
def test_a_rendering_is_the_same_again(helm: str, values: Path) -> None:
    arguments = ("--values", str(values))
    assert render(helm, *arguments) == render(helm, *arguments)
