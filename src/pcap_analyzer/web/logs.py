"""The service's log: one JSON object a line on standard error, without what identifies people and machines.

Whatever logs, ours or a library's, passes here. Redaction looks at every string at the end, tracebacks included, so
that no caller has to remember it.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from pcap_analyzer.redaction import HIDDEN, Redact, redaction

_NAMES_OF_CREDENTIALS = re.compile(r"authorization|cookie|passw|token|secret|api_?key|session|csrf", re.IGNORECASE)


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
    # Its start and stop are told by the line with the address, strange requests by the audit log.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


class _Redacting:
    """A processor over every value of a line but the time, which is ours."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: value if key == "timestamp" else self._hide(key, value) for key, value in line.items()}

    def _hide(self, key: str, value: object) -> object:
        if _NAMES_OF_CREDENTIALS.search(key):
            return HIDDEN
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._redact(value if isinstance(value, str) else repr(value))
