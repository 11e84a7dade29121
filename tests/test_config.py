"""Settings: defaults as documented, and a wrong value stops the start with one line."""

from pathlib import Path

import pytest

from pcap_analyzer.config import load, worker_environment
from pcap_analyzer.cores import available_cores
from pcap_analyzer.errors import SettingsError


def test_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({})
    assert settings.data_dir == tmp_path / "data"
    assert settings.database_url == f"sqlite:///{tmp_path}/data/pcap_analyzer.db"
    assert settings.max_upload_size_mb == 10240
    assert settings.max_queue_size == 5
    assert settings.report_ttl_hours == 24
    assert settings.workers == max(1, available_cores() - 1)
    assert (settings.analysis_memory_mb, settings.analysis_cpu_seconds) == (4096, 3600)
    assert settings.decompression_ratio_max == 10000
    assert settings.decompression_ratio_warn == 1000
    assert (settings.log_level, settings.log_mode) == ("INFO", "production")


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    settings = load(
        {
            "DATA_DIR": str(tmp_path / "deep" / "down"),
            "DATABASE_URL": f"sqlite:///{tmp_path}/other.db",
            "MAX_UPLOAD_SIZE_MB": "1",
            "MAX_QUEUE_SIZE": " 2 ",
            "REPORT_TTL_HOURS": "7",
            "WORKERS": "3",
            "ANALYSIS_MEMORY_MB": "512",
            "ANALYSIS_CPU_SECONDS": "5",
            "DECOMPRESSION_RATIO_WARN": "5",
            "DECOMPRESSION_RATIO_MAX": "6",
            "LOG_LEVEL": "debug",
            "LOG_MODE": "debug",
            "AUDIT_LOG": "stderr",
            "AUDIT_LOG_MAX_MB": "10",
            "RATE_LIMIT_PER_MINUTE": "0",
            "TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1",
            "AUTH_MODE": "token",
            "AUTH_TOKEN": "sixteen-or-more!",
        }
    )
    assert settings.data_dir.is_dir()
    assert settings.database_url == f"sqlite:///{tmp_path}/other.db"
    assert settings.max_upload_size_mb == 1
    assert settings.max_queue_size == 2
    assert settings.report_ttl_hours == 7
    assert settings.workers == 3
    assert (settings.analysis_memory_mb, settings.analysis_cpu_seconds) == (512, 5)
    assert settings.decompression_ratio_max == 6
    assert settings.decompression_ratio_warn == 5
    assert (settings.log_level, settings.log_mode) == ("DEBUG", "debug")
    assert (settings.audit_log, settings.audit_log_max_mb) == ("stderr", 10)
    assert settings.rate_limit_per_minute == 0
    assert settings.trusted_proxies == ("10.0.0.0/8", "2001:db8::1/128")
    assert (settings.auth_mode, settings.auth_token) == ("token", "sixteen-or-more!")
    assert "sixteen" not in repr(settings)


@pytest.mark.parametrize("token", ["short", "a token with spaces in it", "é" * 20, "x" * 513])
def test_a_token_that_cannot_be_is_not_shown(token: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AUTH_TOKEN has") as refused:
        load({"DATA_DIR": str(tmp_path), "AUTH_TOKEN": token})
    assert token not in str(refused.value)


def test_an_open_door_has_no_token(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AUTH_MODE is 'none' beside an AUTH_TOKEN"):
        load({"DATA_DIR": str(tmp_path), "AUTH_MODE": "none", "AUTH_TOKEN": "sixteen-or-more!"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_UPLOAD_SIZE_MB", "0"),
        ("AUTH_MODE", "open"),
        ("MAX_UPLOAD_SIZE_MB", "ten"),
        ("MAX_QUEUE_SIZE", "-1"),
        ("REPORT_TTL_HOURS", "0"),
        ("WORKERS", "1_0"),
        ("WORKERS", "٣"),
        ("ANALYSIS_MEMORY_MB", "1e3"),
        ("ANALYSIS_CPU_SECONDS", "9" * 40),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_MODE", "quiet"),
        ("AUDIT_LOG", "elsewhere"),
        ("AUDIT_LOG_MAX_MB", "9"),
        ("RATE_LIMIT_PER_MINUTE", "-1"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("DATABASE_URL", "postgresql://somewhere/db"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite:////tmp/x.db?mode=no"),
        ("DATA_DIR", "/dev/null/below"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load({"DATA_DIR": str(tmp_path), name: value})
    message = str(wrong.value)
    assert message.startswith(f"{name} is {value!r}; allowed is ")
    assert "\n" not in message


def test_workers_get_no_secrets() -> None:
    environment = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "UBSAN_OPTIONS": "x",
        "DATABASE_URL": "secret",
        "AUTH_TOKEN": "secret",
    }
    assert worker_environment(environment) == {"PATH": "/bin", "LC_ALL": "C", "UBSAN_OPTIONS": "x"}
