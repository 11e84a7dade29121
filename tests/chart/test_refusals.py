"""What would install and not work is refused, with a sentence that says why and what to do."""

import pytest

from tests.chart.rendering import sets, template

pytestmark = pytest.mark.chart


def refused(helm: str, *arguments: str) -> str:
    done = template(helm, *arguments)
    assert done.returncode != 0, "it was rendered"
    assert done.stdout == ""
    return done.stderr


def test_two_replicas_of_sqlite_on_one_volume(helm: str) -> None:
    told = refused(helm, *sets(replicaCount=2))
    assert "replicaCount is 2" in told
    assert "the database is SQLite, a file that only one pod may write" in told
    assert "the volume is ReadWriteOnce, which only one node can mount" in told
    assert "Use replicaCount 1; for more analyses at a time raise resources.limits and env.workers" in told


def test_two_replicas_of_sqlite_on_a_shared_volume(helm: str) -> None:
    told = refused(helm, *sets(replicaCount=2, persistence__accessMode="ReadWriteMany"))
    assert "the database is SQLite" in told
    assert "ReadWriteOnce" not in told


def test_no_replica_is_a_pause(helm: str) -> None:
    assert template(helm, *sets(replicaCount=0)).returncode == 0


def test_an_upload_larger_than_half_the_volume(helm: str) -> None:
    assert template(helm, *sets(env__maxUploadSizeMB=5120)).returncode == 0
    told = refused(helm, *sets(env__maxUploadSizeMB=5121))
    assert "env.maxUploadSizeMB is 5121" in told
    assert "persistence.size is 10Gi" in told
    assert "at most half of it, 5120 MiB" in told
    assert "Lower env.maxUploadSizeMB or raise persistence.size" in told


def test_analyses_that_do_not_fit_into_the_container(helm: str) -> None:
    assert template(helm, *sets(env__analysisMemoryMB=1792, env__workers=2)).returncode == 0
    told = refused(helm, *sets(env__analysisMemoryMB=1793, env__workers=2))
    assert "env.analysisMemoryMB is 1793" in told
    assert "resources.limits.memory, 4Gi" in told


def test_a_container_too_small_for_an_analysis(helm: str) -> None:
    told = refused(helm, *sets(resources__limits__memory="600Mi"))
    assert "which leaves 88 MiB for each of 1 analyses" in told


def test_a_database_off_the_volume(helm: str) -> None:
    assert "env.dataDir lies on the volume" in refused(helm, *sets(env__databaseUrl="sqlite:////var/lib/x.db"))


def test_a_variable_that_the_chart_sets(helm: str) -> None:
    told = refused(helm, *sets(**{"extraEnv[0]__name": "WORKERS", "extraEnv[0]__value": "x"}))
    assert "extraEnv names WORKERS" in told


def test_an_ingress_without_a_host(helm: str) -> None:
    assert "ingress.hosts is empty" in refused(helm, "--set", "ingress.enabled=true", "--set-json", "ingress.hosts=[]")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("replicas", "1"),  # unknown
        ("env.maxUploadSize", "1"),
        ("env.MAX_UPLOAD_SIZE_MB", "500"),
        ("resources.limits.gpu", "1"),
        ("env.logLevel", "LOUD"),
        ("env.logMode", "quiet"),
        ("env.auditLog", "elsewhere"),
        ("env.auditLogMaxMB", "9"),
        ("env.rateLimitPerMinute", "-1"),
        ("env.trustedProxies", "{everybody}"),
        ("env.maxQueueSize", "0"),
        ("env.dataDir", "data"),
        ("env.dataDir", "/tmp"),
        ("env.databaseUrl", "postgresql://db/pcap"),
        ("service.type", "ExternalName"),
        ("service.nodePort", "8000"),
        ("persistence.size", "10GB"),
        ("persistence.accessMode", "ReadOnlyMany"),
        ("resources.limits.cpu", "two"),
        ("resources.limits.memory", "null"),
        ("auth.mode", "off"),
        ("auth.token", "short"),
        ("image.pullPolicy", "Sometimes"),
        ("terminationGracePeriodSeconds", "10"),
    ],
)
def test_the_schema_refuses_and_names_it(helm: str, name: str, value: str) -> None:
    told = refused(helm, "--set", f"{name}={value}")
    assert "values don't meet the specifications of the schema" in told
    assert name.rpartition(".")[2] in told
