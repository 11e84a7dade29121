"""The settings of the service, read once from the environment; nothing else reads it.

A wrong value stops the start with one line that names the variable, the value and what is allowed: a typing mistake
found at the start is cheaper than one found by the first large capture.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from pcap_analyzer.cores import available_cores
from pcap_analyzer.errors import SettingsError

Value = TypeVar("Value")

MIB = 1 << 20
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_MODES = ("production", "development", "debug")
AUDIT_LOGS = ("file", "stderr")
AUTH_MODES = ("token", "none")

# What a worker process may inherit. It reads hostile bytes, so whatever else the environment holds stays here.
_WORKER_VARIABLES = re.compile(r"PATH|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|LD_PRELOAD|(A|UB)SAN_OPTIONS|PYTHON\w*")


@dataclass(frozen=True)
class Settings:
    """What the service was told; every field is the variable of the same name in capitals.

    memory and upload sizes are in MiB, times in seconds but for hours where the name says so.  auth_mode: None where
    nothing was said; then a token is asked for where one is set, or where others than this machine can come.
    workers: analyses at a time; 0 where only worker processes of their own run them.
    rate_limit_per_minute: requests of one address or session; 0 for any number.
    """

    data_dir: Path
    database_url: str
    log_level: str
    log_mode: str
    audit_log: str
    audit_log_max_mb: int
    max_upload_size_mb: int
    report_ttl_hours: int
    max_queue_size: int
    workers: int
    analysis_memory_mb: int
    analysis_cpu_seconds: int
    decompression_ratio_warn: int
    decompression_ratio_max: int
    rate_limit_per_minute: int
    trusted_proxies: tuple[str, ...]
    auth_mode: str | None
    auth_token: str | None = field(repr=False)


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environment`, defaults for what it does not name. Raises SettingsError."""

    def setting(name: str, default: str, parse: Callable[[str], Value | None], allowed: str) -> Value:
        text = environment.get(name, "").strip() or default
        value = parse(text)
        if value is None:
            raise SettingsError(f"{name} is {text!r}; allowed is {allowed}")
        return value

    def whole(name: str, default: int, lowest: int, highest: int) -> int:
        return setting(
            name, str(default), lambda text: _whole(text, lowest, highest), f"a whole number from {lowest} to {highest}"
        )

    auth_mode = setting("AUTH_MODE", "", _auth_mode, " or ".join(AUTH_MODES)) or None
    auth_token = _token(environment.get("AUTH_TOKEN", "").strip())
    if auth_mode == "none" and auth_token is not None:
        raise SettingsError("AUTH_MODE is 'none' beside an AUTH_TOKEN; allowed is one of them")
    data_dir = setting("DATA_DIR", "data", _folder, "a folder that exists or can be made, and that may be written")
    return Settings(
        data_dir=data_dir,
        database_url=setting(
            "DATABASE_URL",
            f"sqlite:///{data_dir / 'pcap_analyzer.db'}",
            _database_url,
            "sqlite:///PATH, a file in a folder that exists",
        ),
        log_level=setting("LOG_LEVEL", "INFO", _log_level, "one of " + ", ".join(LOG_LEVELS)),
        log_mode=setting("LOG_MODE", "production", _log_mode, "one of " + ", ".join(LOG_MODES)),
        audit_log=setting("AUDIT_LOG", "file", _audit_log, " or ".join(AUDIT_LOGS)),
        audit_log_max_mb=whole("AUDIT_LOG_MAX_MB", 100, 10, 1 << 20),
        max_upload_size_mb=whole("MAX_UPLOAD_SIZE_MB", 10240, 1, 1 << 24),
        report_ttl_hours=whole("REPORT_TTL_HOURS", 24, 1, 1 << 20),
        max_queue_size=whole("MAX_QUEUE_SIZE", 5, 1, 100_000),
        workers=whole("WORKERS", max(1, available_cores() - 1), 0, 1024),
        analysis_memory_mb=whole("ANALYSIS_MEMORY_MB", 4096, 256, 1 << 24),
        analysis_cpu_seconds=whole("ANALYSIS_CPU_SECONDS", 3600, 1, 1 << 24),
        decompression_ratio_warn=whole("DECOMPRESSION_RATIO_WARN", 1000, 1, 1 << 24),
        decompression_ratio_max=whole("DECOMPRESSION_RATIO_MAX", 10000, 1, 1 << 24),
        rate_limit_per_minute=whole("RATE_LIMIT_PER_MINUTE", 6000, 0, 1 << 24),
        trusted_proxies=setting(
            "TRUSTED_PROXIES", "", _networks, "addresses and networks with commas between them, as 10.0.0.0/8"
        ),
        auth_mode=auth_mode,
        auth_token=auth_token,
    )


def worker_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The part of `environment` that a worker process is given."""
    return {name: value for name, value in environment.items() if _WORKER_VARIABLES.fullmatch(name)}


def _whole(text: str, lowest: int, highest: int) -> int | None:
    # int() alone would also take "1_000", " 5 " and digits of other scripts.
    value = int(text) if re.fullmatch(r"[0-9]{1,12}", text) else -1
    return value if lowest <= value <= highest else None


def _folder(text: str) -> Path | None:
    folder = Path(text).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _database_url(text: str) -> str | None:
    # In memory, every thread would have a database of its own; after "?" stand options of the driver.
    return text if re.fullmatch(r"sqlite:///(?!:memory:)[^?]+", text) else None


def _log_level(text: str) -> str | None:
    return text.upper() if text.upper() in LOG_LEVELS else None


def _log_mode(text: str) -> str | None:
    return text if text in LOG_MODES else None


def _audit_log(text: str) -> str | None:
    return text if text in AUDIT_LOGS else None


def _networks(text: str) -> tuple[str, ...] | None:
    try:
        return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())
    except ValueError:
        return None


def _auth_mode(text: str) -> str | None:
    return text if text in {"", *AUTH_MODES} else None


def _token(text: str) -> str | None:
    """AUTH_TOKEN; None where it is not set. What is wrong with it is said without showing it."""
    if not text:
        return None
    if not re.fullmatch(r"[!-~]{16,512}", text):
        raise SettingsError(
            f"AUTH_TOKEN has {len(text)} characters, not shown here; "
            "allowed are 16 to 512 letters, digits and signs of ASCII, without spaces"
        )
    return text
