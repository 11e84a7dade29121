"""Writes events as lines; what cannot be written is counted, and told as soon as something can be."""

import hmac
import json
import logging
import secrets
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pcap_analyzer.audit.declared import DECLARED
from pcap_analyzer.audit.file import KEPT, Lines, RotatingFile, Stream
from pcap_analyzer.audit.origin import SERVICE, Origin, current
from pcap_analyzer.redaction import Redact

log = logging.getLogger(__name__)

FILE = "audit.jsonl"
_LONGEST = 300  # characters of one string
Value = str | int | float | bool | None | dict[str, str]


class AuditLog:
    """One service's. Safe to use from any thread; never raises for what a disk does.

    make_lines: given what to call after a rotation.  redact: what is done to every string that came from outside.
    """

    def __init__(self, make_lines: Callable[[Callable[[], None]], Lines], redact: Redact) -> None:
        self._lock = threading.RLock()
        self._redact = redact
        self._run = secrets.token_hex(4)
        self._key = secrets.token_bytes(16)
        self._number = 0
        self._lost = 0
        self._rotated = False
        self._lines = make_lines(self._note_rotation)

    def record(self, kind: str, /, **fields: Value) -> None:
        """Write an event of a declared type, from whoever this is done for: see origin.current."""
        declared = DECLARED.get(kind)
        if declared is None or not fields.keys() <= set(declared.fields):
            raise ValueError(f"{kind} with {', '.join(fields) or 'no fields'} is not declared in audit/declared.py")
        with self._lock:
            if self._lost:
                self._write("audit.lost", SERVICE, {"events": self._lost})
            self._write(kind, current(), fields)
            if self._rotated:
                self._rotated = False
                self._write("audit.rotated", SERVICE, {})

    def close(self) -> None:
        """Give back the file."""
        self._lines.close()

    def _note_rotation(self) -> None:
        self._rotated = True

    def _write(self, kind: str, by: Origin, fields: dict[str, Value]) -> None:
        self._number += 1
        try:
            self._lines.write(_line(self._event(kind, by, fields)))
        except OSError as error:
            if not self._lost:
                log.error("the audit log cannot be written (%s); events are lost until it can", error.strerror or error)
            # An event that tells of losses is no event of its own.
            self._lost += kind != "audit.lost"
        else:
            if kind == "audit.lost":
                self._lost = 0

    def _event(self, kind: str, by: Origin, fields: dict[str, Value]) -> dict[str, Value]:
        asked = {
            "client": by.address and self._pseudonym(by.address),
            "address": by.address and self._redact(by.address),
            "who": by.who if by.session is None else f"{by.who} {self._pseudonym(by.session)}",
            "method": by.method,
            "path": by.path and self._shown(by.path),
        }
        return {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "run": self._run,
            "number": self._number,
            "type": kind,
            **{name: value for name, value in asked.items() if value is not None},
            **{name: self._shown(value) for name, value in fields.items() if value is not None},
        }

    def _shown(self, value: Value) -> Value:
        if isinstance(value, dict):
            return {name: self._redact(text)[:_LONGEST] for name, text in value.items()}
        return self._redact(value[: 4 * _LONGEST])[:_LONGEST] if isinstance(value, str) else value

    def _pseudonym(self, text: str) -> str:
        # The key goes with the process: nobody can find the address by trying all of them.
        return hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256").hex()[:12]


def opened(data_dir: Path, where: str, max_mb: int, redact: Redact, *, rotates: bool = True) -> AuditLog:
    """The audit log of the service in `data_dir`.  where: "file" or "stderr".  max_mb: all files together, in MiB."""
    if where == "stderr":
        return AuditLog(lambda _: Stream(sys.stderr.fileno()), redact)
    each = (max_mb << 20) // (KEPT + 1)
    return AuditLog(lambda told: RotatingFile(data_dir / FILE, each if rotates else None, told), redact)


def _line(event: dict[str, Value]) -> bytes:
    # ASCII alone, without controls: no line can forge another, nor steer the terminal it is read in.
    return (json.dumps(event).replace("\x7f", "\\u007f") + "\n").encode("ascii")
