"""Every type of event that the audit log may hold. A type, once published, keeps its meaning.

docs/audit.md has this as a table; tests/web/audit/ makes each of them happen.
"""

from typing import NamedTuple


class Declared(NamedTuple):
    """What a type means, and the fields it has beside those of every event."""

    meaning: str
    fields: tuple[str, ...] = ()


_ACCESS = {
    "access.signed_in": Declared("The sign-in page was shown the token, and gave a session"),
    "access.signed_out": Declared("A session was ended by whoever had it"),
    "access.wrong_token": Declared("The sign-in page was shown a wrong token"),
    "access.wrong_bearer": Declared("A header showed a wrong token"),
    "access.refused.not_signed_in": Declared("Somebody asked without token or session"),
    "access.refused.session_ended": Declared("A session was shown that has ended, or was never given"),
    "access.refused.too_many_tries": Declared("Too many wrong tokens came from this client; it has to wait"),
    "access.refused.wrong_csrf": Declared("A session would change something without the CSRF token of our pages"),
    "access.refused.cross_site": Declared("A page of another site would change something"),
    "access.refused.wrong_host": Declared("The request was meant for a name that is not served here"),
}

_UPLOAD = {
    "upload.begun": Declared("An upload was begun; by: parts (tus) or form", ("analysis", "by", "size_bytes")),
    "upload.resumed": Declared("Its sender asked where an upload stands, to go on", ("analysis", "received_bytes")),
    "upload.piece": Declared("A piece of an upload came and is kept", ("analysis", "received_bytes")),
    "upload.interrupted": Declared("The connection ended in the middle of a piece; what came is kept", ("analysis",)),
    "upload.taken_over": Declared("A second connection went on with an upload; the first one was ended", ("analysis",)),
    "upload.finished": Declared("Every byte has come", ("analysis", "size_bytes")),
    "upload.aborted": Declared("Its sender ended an upload before it was whole", ("analysis",)),
    "upload.expired": Declared("Nobody went on with an upload for too long", ("analysis",)),
    "upload.discarded": Declared("An upload was forgotten with its bytes before it was whole", ("analysis",)),
    "upload.refused.bad_form": Declared("The body is not the form that was expected"),
    "upload.refused.interrupted": Declared("The connection ended in the middle of a form, of which nothing is kept"),
    "upload.refused.bad_header": Declared("A header is missing or wrong"),
    "upload.refused.bad_method": Declared("Another method is meant"),
    "upload.refused.unsupported_version": Declared("Another version of tus"),
    "upload.refused.unsupported_media": Declared("The body is no piece of an upload"),
    "upload.refused.busy": Declared("Another connection holds the upload"),
    "upload.refused.wrong_checksum": Declared("The bytes of a piece are not those announced"),
    "upload.refused.unknown": Declared("There is no such upload"),
    "upload.refused.gone": Declared("The upload was ended before"),
    "upload.refused.stalled": Declared("Nothing came for too long"),
    "upload.refused.wrong_offset": Declared("A piece does not begin where the upload stands"),
    "upload.refused.wrong_length": Declared("More bytes than were announced"),
    "upload.refused.too_large": Declared("Larger than MAX_UPLOAD_SIZE_MB"),
    "upload.refused.not_a_capture": Declared("The first bytes are those of something else"),
    "upload.refused.queue_full": Declared("MAX_QUEUE_SIZE analyses wait"),
    "upload.refused.disk_full": Declared("The disk cannot hold it"),
}

_ANALYSIS = {
    "analysis.followed": Declared("A worker began to read an upload that still arrives", ("analysis",)),
    "analysis.duplicate": Declared("The same bytes were analysed before; that report is shown", ("analysis",)),
    "analysis.started": Declared("A worker was given the analysis; attempt: how often by now", ("analysis", "attempt")),
    "analysis.succeeded": Declared("It ended with a report", ("analysis", "packets")),
    "analysis.failed.memory": Declared("It needed more than ANALYSIS_MEMORY_MB", ("analysis",)),
    "analysis.failed.time": Declared("It needed more than ANALYSIS_CPU_SECONDS", ("analysis",)),
    "analysis.failed.unreadable": Declared("The capture cannot be read", ("analysis",)),
    "analysis.failed.ratio": Declared("Decompressed, the capture is beyond DECOMPRESSION_RATIO_MAX", ("analysis",)),
    "analysis.failed.crashed": Declared("The capture crashed its worker", ("analysis",)),
    "analysis.failed.killed": Declared("Its workers were killed from outside, again and again", ("analysis",)),
    "analysis.failed.no_result": Declared("The worker ended without a result", ("analysis",)),
    "analysis.failed.nonsense": Declared("The worker sent what no worker sends", ("analysis",)),
    "analysis.failed.disk_full": Declared("The disk could not hold the report", ("analysis",)),
    "analysis.failed.internal": Declared(
        "The analysis, or the service around it, met an error of its own", ("analysis",)
    ),
    "analysis.requeued.killed": Declared("Its worker was killed from outside; it runs again", ("analysis",)),
    "analysis.requeued.lease_lost": Declared("Its worker was not heard of any more; it runs again", ("analysis",)),
    "analysis.requeued.restarted": Declared(
        "What ran it, the service or a worker, ended during the run; it runs again", ("analysis",)
    ),
    "analysis.cancelled": Declared("It was ended on request", ("analysis",)),
    "analysis.retried": Declared("It was queued again on request", ("analysis",)),
    "analysis.deleted": Declared("It was forgotten on request, with its capture and report", ("analysis",)),
    "analysis.expired": Declared("It was kept for REPORT_TTL_HOURS; capture and report are gone", ("analysis",)),
    "analysis.ratio_warned": Declared("Decompressed, the capture is beyond DECOMPRESSION_RATIO_WARN", ("analysis",)),
    "analysis.refused.unknown": Declared("There is no such analysis"),
    "analysis.refused.not_possible": Declared("It is in a state that does not allow what was asked"),
    "analysis.refused.no_report": Declared("It has no report"),
    "analysis.refused.expired": Declared("Its report has expired"),
    "analysis.refused.queue_full": Declared("It cannot run again: MAX_QUEUE_SIZE analyses wait"),
}

_REPORT = {
    "report.viewed.html": Declared("The report's page was handed out", ("analysis",)),
    "report.viewed.json": Declared("The report's data were handed out", ("analysis",)),
    "report.downloaded.html": Declared("The report was downloaded as a page", ("analysis",)),
    "report.downloaded.json": Declared("The report was downloaded as data", ("analysis",)),
    "table.exported.csv": Declared("Rows of a table were downloaded as CSV", ("analysis", "table")),
    "table.exported.jsonl": Declared("Rows of a table were downloaded as JSON lines", ("analysis", "table")),
    "table.exported.parquet": Declared("Rows of a table were downloaded as Parquet", ("analysis", "table")),
    "table.exported.arrow": Declared("Rows of a table were downloaded as an Arrow stream", ("analysis", "table")),
    "table.refused.unknown": Declared("There is no such table"),
    "table.refused.bad_query": Declared(
        "What was asked of a table cannot be answered: a wrong filter, order or column"
    ),
    "table.refused.not_ready": Declared("It is being read out of the capture; whoever asks again is told later"),
    "table.refused.not_takeable": Declared("It cannot be had of the capture, or only beyond the limits of reading"),
    "flow.refused.unknown": Declared("There is no such flow"),
    "flow.viewed": Declared("All that is known of one flow was handed out", ("analysis", "flow")),
    "flow.downloaded": Declared("The packets of one flow were downloaded as a capture", ("analysis", "flow")),
}

_LIMITS = {
    "limit.requests": Declared("RATE_LIMIT_PER_MINUTE was reached; told once a minute of a client or session"),
    "limit.many_connections": Declared("A client held too many connections"),
    "limit.slow_head": Declared("A request's head did not come in time"),
    "limit.slow_reader": Declared("An answer was read too slowly, and its connection ended"),
    "limit.large_head": Declared("A request's head was too large"),
    "limit.readings": Declared("Too many captures or tables are being read for others"),
    "request.refused": Declared("No such page, method or parameter; status: of the answer", ("status", "problem")),
    "request.refused.malformed": Declared("Bytes that are no request"),
}

_SERVICE = {
    "service.settings_loaded": Declared("The settings of this run, without secrets", ("settings",)),
    "service.started": Declared("The service takes requests from now on", ("version",)),
    "service.stopped": Declared("The service ended as it was asked to"),
    "worker.started": Declared(
        "A worker process takes analyses from now on; workers: at a time", ("version", "workers")
    ),
    "worker.stopped": Declared("A worker process ended as it was asked to"),
    "service.unhealthy": Declared("The store or the disk cannot take work"),
    "service.healthy": Declared("They can again"),
    "service.error": Declared("A request met an error of the service's own"),
    "service.files_removed": Declared("The start removed files that belonged to nothing", ("files",)),
    "backup.made": Declared("A backup was taken", ("files", "size_bytes")),
    "backup.failed": Declared("A backup could not be taken"),
    "backup.restored": Declared("A backup was put back", ("files", "size_bytes")),
    "backup.refused": Declared("A backup could not be put back"),
    "audit.rotated": Declared("The audit log went on in a new file; the oldest one may be gone"),
    "audit.lost": Declared("Events before this one could not be written; events: how many", ("events",)),
}

DECLARED: dict[str, Declared] = _ACCESS | _UPLOAD | _ANALYSIS | _REPORT | _LIMITS | _SERVICE

COMMON = {
    "time": "UTC, ISO 8601",
    "run": "random, of one start of the service",
    "number": "counts from 1 in a run; a gap is a line that is missing",
    "type": "below",
    "client": "pseudonym of the address that asked: the same in one run, and nothing can be learnt from it",
    "address": "that address as LOG_MODE shows addresses; in production it is hidden",
    "who": "`session` and its pseudonym, `token`, `anybody` where nobody is asked, `stranger`; `service`; `operator`",
    "method": "of the request",
    "path": "of the request, without what follows a question mark; redacted as the log is",
}
