"""From whom an event comes. A request sets it once; whatever is done for the request, in any thread, finds it here."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pcap_analyzer.audit.log import AuditLog, Value


class Origin(NamedTuple):
    """who: see declared.COMMON.  session: what its pseudonym is made of.  address: of the client."""

    who: str
    session: str | None = None
    address: str | None = None
    method: str | None = None
    path: str | None = None


SERVICE = Origin("service")
OPERATOR = Origin("operator")
_origin: ContextVar[Origin] = ContextVar("origin", default=SERVICE)
_log: ContextVar["AuditLog"] = ContextVar("audit_log")


def current() -> Origin:
    """Of what is being done here; the service itself where no request is."""
    return _origin.get()


@contextmanager
def noting(log: "AuditLog", origin: Origin) -> Iterator[None]:
    """Within, `note` writes to `log`, as from `origin`."""
    log_before, origin_before = _log.set(log), _origin.set(origin)
    try:
        yield
    finally:
        _log.reset(log_before)
        _origin.reset(origin_before)


def note(kind: str, **fields: "Value") -> None:
    """Record an event of a declared type within a request. The one line that a handler needs."""
    _log.get().record(kind, **fields)
