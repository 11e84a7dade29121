"""Changes of uploads and analyses as events of the audit log."""

from pcap_analyzer.audit.log import AuditLog, Value
from pcap_analyzer.jobs.events import Event, Listener

# A change that is another event here, or goes by a name that fits uploads and analyses both.
_NAMES = {
    "analysis.removed": "analysis.deleted",
    "upload.cancelled": "upload.aborted",
    "upload.removed": "upload.discarded",
}


def recorder(audit: AuditLog) -> Listener:
    """Records every change it is told of, under its own name or that of _NAMES; each has to be declared."""

    def record(event: Event) -> None:
        kind = f"{event.type}.{event.cause}" if event.cause else event.type
        if event.files:
            audit.record(kind, files=event.files)
        else:
            audit.record(_NAMES.get(kind, kind), analysis=event.analysis_id, **_more(event))

    return record


def _more(event: Event) -> dict[str, Value]:
    analysis = event.analysis
    if analysis is None:
        return {}
    match event.type:
        case "upload.begun":
            return {"by": "form" if analysis.is_form else "parts", "size_bytes": analysis.size_bytes}
        case "upload.finished":
            return {"size_bytes": event.size_bytes}
        case "analysis.started":
            return {"attempt": analysis.attempts}
        case "analysis.succeeded":
            return {"packets": analysis.progress.packets}
    return {}
