"""The service's log: one JSON object a line on standard error, without what identifies people and machines.

Whatever logs, ours or a library's, passes here. Redaction looks at every string at the end, tracebacks included, so
that no caller has to remember it. It takes too much rather than too little: a version of four numbers is an address.
"""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

_IPV4 = re.compile(r"(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}")
_MAC = re.compile(
    r"(?<![0-9A-Fa-f:])((?:[0-9A-Fa-f]{2}[:-]){3})(?:[0-9A-Fa-f]{2}[:-]){2}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])"
    r"|([0-9A-Fa-f]{4}\.)[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
)
# A run that may be IPv6; _ipv6 looks closer. Times of the day have too few colons.
_COLONS = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]*(?:<address>)?(?:%\w+)?")
_CREDENTIALS = (
    re.compile(r"(\b(?:bearer|basic)\s+)[^\s\"',;]+", re.IGNORECASE),
    re.compile(r"(://)[^\s/@]+(?=@)"),
    re.compile(
        r"((?:authorization|cookie|passw(?:or)?d|pwd|passphrase|token|secret|api[_-]?key|session|csrf)"
        r"[\"']?\s*[:=]\s*[\"']?)(?!bearer\b|basic\b)[^\s\"',;&]+",
        re.IGNORECASE,
    ),
)
_NAMES_OF_CREDENTIALS = re.compile(r"authorization|cookie|passw|token|secret|api_?key|session|csrf", re.IGNORECASE)
_HIDDEN = "<hidden>"

Redact = Callable[[str], str]


def redaction(mode: str, hidden: tuple[str, ...] = ()) -> Redact:
    """What is hidden in `mode`.  hidden: strings that are never shown, whatever stands around them.

    production: addresses, MAC addresses, credentials.  development: of addresses the part that names the machine,
    and credentials.  debug: credentials.
    """

    def hide(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, _HIDDEN)
        for credential in _CREDENTIALS:
            text = credential.sub(rf"\1{_HIDDEN}", text)
        return text if mode == "debug" else _without_addresses(text, whole=mode == "production")

    return hide


def start(level: str, mode: str, hidden: tuple[str, ...] = (), stream: TextIO | None = None) -> None:
    """Send all logging of this process there (standard error), from `level` on, redacted as `mode` says."""
    before: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _Redacting(redaction(mode, tuple(filter(None, hidden)))),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Its start and stop are told by the line with the address.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class _Redacting:
    """A processor over every value of a line but the time, which is ours."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: value if key == "timestamp" else self._hide(key, value) for key, value in line.items()}

    def _hide(self, key: str, value: object) -> object:
        if _NAMES_OF_CREDENTIALS.search(key):
            return _HIDDEN
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._redact(value if isinstance(value, str) else repr(value))


def _without_addresses(text: str, *, whole: bool) -> str:
    text = _MAC.sub("<mac>" if whole else _beginning, text)
    text = _IPV4.sub("<address>" if whole else r"\1.x.x", text)
    return _COLONS.sub(lambda found: _ipv6(found[0], whole=whole), text)


def _beginning(found: re.Match[str]) -> str:
    return f"{found[1] or found[2]}<mac>"


def _ipv6(run: str, *, whole: bool) -> str:
    if "::" not in run and run.count(":") < 5:
        return run
    return "<address>" if whole else ":".join(run.split(":")[:2]) + ":<address>"
