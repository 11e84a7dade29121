"""Every operation of the API: what it is for, what it answers, which problems it can end with."""

from typing import Any, NamedTuple

from pcap_analyzer.export.tables import TABLE_EXPORTERS
from pcap_analyzer.jobs.refusals import (
    Expired,
    NoReport,
    NotACapture,
    NotPossible,
    NotReady,
    NotTakeable,
    QueueFull,
    Refused,
    StorageFull,
    TooManyReadings,
    UnknownAnalysis,
    UnknownFlow,
    UnknownTable,
    UnknownUpload,
    UploadGone,
    UploadTooLarge,
    WrongLength,
    WrongOffset,
)
from pcap_analyzer.web.problems import (
    BadForm,
    BadHeader,
    BadMethod,
    Busy,
    CrossSite,
    Interrupted,
    NotSignedIn,
    Stalled,
    TooManyRequests,
    TooManyTries,
    UnsupportedMedia,
    UnsupportedVersion,
    WrongChecksum,
    WrongCsrf,
    WrongHost,
)

Problems = tuple[type[Refused], ...]
Content = dict[str, Any]
Header = tuple[bool, dict[str, Any], str]


class Described(NamedTuple):
    """An operation. content: where the answer is no JSON of one shape.  more: other answers than the usual one.

    queries: whether columns, filters and orders of a table are asked for.  body: of BODIES.  empty: nothing comes back.
    """

    id: str
    tag: str
    summary: str
    answer: str
    problems: Problems = ()
    detail: str = ""
    content: Content | None = None
    parameters: dict[str, str] = {}  # noqa: RUF012 - never changed
    headers: dict[str, Header] = {}  # noqa: RUF012
    more: dict[int, str] = {}  # noqa: RUF012
    queries: bool = False
    body: str = ""
    empty: bool = False


ALWAYS: Problems = (NotSignedIn, WrongHost, TooManyTries, TooManyRequests)
"""Of every operation but health."""
CHANGES: Problems = (WrongCsrf, CrossSite)
"""Of every operation that changes something."""
PROBED = {
    "task_id": "The analysis, as the upload's answer named it",
    "flow_id": "The flow, counted from 0 by first packet",
    "limit": "How many at most",
    "offset": "How many are left out before",
}
RESULTS: Problems = (UnknownAnalysis, NoReport, Expired)
TABLES: Problems = (*RESULTS, NotReady, NotTakeable, TooManyReadings)
COMING: Problems = (NotACapture, UploadTooLarge, StorageFull, Stalled, Interrupted, WrongLength)

TEXT = {"type": "string"}
BYTES = {"type": "string", "format": "binary"}
BODIES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "form": (
        "multipart/form-data",
        {"type": "object", "properties": {"file": BYTES}, "required": ["file"]},
        True,
    ),
    "part": ("application/offset+octet-stream", BYTES, False),
}
EVENT = {
    "type": "object",
    "properties": {"event": {"const": "status"}, "data": {"type": "string", "description": "JSON, as of /api/status"}},
}
TABLE_PAGE = {
    "type": "object",
    "required": ["table", "total", "limit", "offset", "rows"],
    "properties": {
        "table": TEXT,
        "total": {"type": "integer", "description": "Rows that match in all"},
        "limit": {"type": "integer"},
        "offset": {"type": "integer"},
        "rows": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Times are ISO 8601 with nine digits, durations whole nanoseconds",
        },
    },
}
TABLE_FILES = {one.media_type: {"schema": BYTES} for one in TABLE_EXPORTERS.values()}
TUS: dict[str, Header] = {"Tus-Resumable": (True, {"const": "1.0.0"}, "Version of the protocol")}
CHECKSUM: dict[str, Header] = {
    "Upload-Checksum": (False, TEXT, "sha1 or sha256, a space, the digest of this part in base64")
}
ASKED = {
    "columns": "Names with commas between, in the order wanted; all where none is named",
    "where": "A condition, as `server_port == 443 and initial_rtt > 50ms`; see docs/filters.md",
    "sort": "Names with commas between, a minus before one for the largest first",
}
TUS_PROBLEMS: Problems = (UnsupportedVersion, UnknownUpload, UploadGone, Busy)

OPERATIONS = {
    "GET /api/health": Described(
        "health",
        "service",
        "Whether the service is alive and can take work",
        "How it stands",
        parameters={"probe": "liveness: 503 only when it cannot serve; readiness: 503 when it cannot take work"},
        more={503: "It cannot"},
    ),
    "GET /metrics": Described(
        "metrics", "service", "Figures for Prometheus", "The figures", content={"text/plain": {"schema": TEXT}}
    ),
    "GET /api/queue/status": Described("queue", "service", "How many analyses wait and run", "The queue"),
    "POST /api/upload": Described(
        "upload",
        "uploads",
        "Give a capture as one form, and have it analysed",
        "It is here and waits for its analysis",
        (BadForm, QueueFull, *COMING),
        body="form",
        more={303: "The same, for a browser: the page of the analysis"},
    ),
    "OPTIONS /api/uploads": Described(
        "tusCapabilities", "uploads", "What is known of tus 1.0.0", "Said in headers", empty=True
    ),
    "POST /api/uploads": Described(
        "tusCreate",
        "uploads",
        "Announce an upload by tus 1.0.0, and perhaps send its first part",
        "Begun; Location is where it goes on",
        (UnsupportedVersion, UnsupportedMedia, BadHeader, WrongChecksum, QueueFull, UploadGone, Busy, *COMING),
        headers=TUS
        | CHECKSUM
        | {
            "Upload-Length": (True, {"type": "string", "pattern": "^[0-9]{1,18}$"}, "Bytes of the whole capture"),
            "Upload-Metadata": (False, TEXT, "filename, a space, the name in base64"),
        },
        body="part",
        empty=True,
    ),
    "HEAD /api/uploads/{task_id}": Described(
        "tusOffset",
        "uploads",
        "How far an upload has come",
        "Upload-Offset says it",
        (*TUS_PROBLEMS, StorageFull),
        headers=TUS,
        empty=True,
    ),
    "PATCH /api/uploads/{task_id}": Described(
        "tusPatch",
        "uploads",
        "Send the next part of an upload",
        "Kept; Upload-Offset says how far it is",
        (*TUS_PROBLEMS, UnsupportedMedia, BadHeader, WrongOffset, WrongChecksum, *COMING),
        headers=TUS | CHECKSUM | {"Upload-Offset": (True, {"type": "string"}, "Where the part begins")},
        body="part",
        empty=True,
    ),
    "POST /api/uploads/{task_id}": Described(
        "tusOverridden",
        "uploads",
        "PATCH or DELETE for those who can only POST",
        "As of the method meant",
        (*TUS_PROBLEMS, BadMethod, UnsupportedMedia, BadHeader, WrongOffset, WrongChecksum, *COMING),
        headers=TUS | {"X-HTTP-Method-Override": (True, {"enum": ["PATCH", "DELETE"]}, "The method meant")},
        body="part",
        empty=True,
    ),
    "DELETE /api/uploads/{task_id}": Described(
        "tusTerminate",
        "uploads",
        "End an upload and forget its bytes",
        "Forgotten",
        TUS_PROBLEMS,
        headers=TUS,
        empty=True,
    ),
    "GET /api/status/{task_id}": Described(
        "status", "analyses", "How an analysis stands", "As it is now", (UnknownAnalysis,)
    ),
    "GET /api/progress/{task_id}": Described(
        "progress",
        "analyses",
        "The same as server-sent events, whole each time",
        "A stream that ends with the analysis",
        (UnknownAnalysis,),
        content={"text/event-stream": {"schema": EVENT}},
    ),
    "GET /api/history": Described(
        "history",
        "analyses",
        "Analyses, newest first",
        "A page of them",
        parameters={"status": "Only those in this state"},
    ),
    "POST /api/analyses/{task_id}/cancel": Described(
        "cancel",
        "analyses",
        "End an analysis, or an upload, before it is done",
        "Ended",
        (UnknownAnalysis, NotPossible),
    ),
    "POST /api/analyses/{task_id}/retry": Described(
        "retry",
        "analyses",
        "Run an analysis again that failed or was cancelled",
        "It waits again",
        (UnknownAnalysis, NotPossible, QueueFull),
    ),
    "DELETE /api/reports/{task_id}": Described(
        "delete",
        "analyses",
        "Forget an analysis with its capture, reports and tables",
        "Forgotten",
        (UnknownAnalysis,),
        empty=True,
    ),
    "GET /api/reports/{task_id}/{kind}": Described(
        "report",
        "results",
        "The report",
        "As a page, or as versioned JSON",
        RESULTS,
        parameters={"kind": "html or json", "download": "As a file to keep"},
        content={"text/html": {"schema": TEXT}, "application/json": {"schema": {"type": "object"}}},
    ),
    "GET /api/analyses/{task_id}/tables": Described(
        "tables", "results", "Which tables an analysis has, and what their columns mean", "The tables", TABLES
    ),
    "GET /api/analyses/{task_id}/tables/{table}": Described(
        "table",
        "results",
        "A page of a table, or the whole as a file",
        "The page as JSON, or the file",
        (*TABLES, UnknownTable),
        "The whole comes in the form that the table's name ends in: .csv, .jsonl, .parquet, .arrow. It has the columns "
        "and rows that are asked for, in the table's own order.",
        content={"application/json": {"schema": TABLE_PAGE}, **TABLE_FILES},
        parameters={"table": "flows, dns, tcp_events …; with .csv, .jsonl, .parquet or .arrow, whole"} | ASKED,
        queries=True,
    ),
    "GET /api/analyses/{task_id}/flows/{flow_id}": Described(
        "flow",
        "results",
        "One flow",
        "Its row of the table flows, and where else it is to be seen",
        (*TABLES, UnknownFlow),
    ),
    "GET /api/analyses/{task_id}/flows/{flow_id}/packets": Described(
        "flowPackets",
        "results",
        "A page of a flow's packets",
        "Rows of the table packets",
        (*TABLES, UnknownFlow),
        content={"application/json": {"schema": TABLE_PAGE}},
        parameters=ASKED,
        queries=True,
    ),
    "GET /api/analyses/{task_id}/flows/{flow_id}/series": Described(
        "flowSeries", "results", "A flow over time", "Points to draw, some thousands at most", (*TABLES, UnknownFlow)
    ),
    "GET /api/analyses/{task_id}/flows/{flow_id}/capture.pcapng": Described(
        "flowCapture",
        "results",
        "A flow as a capture",
        "Its records as they were, with the interfaces of the capture",
        (*TABLES, UnknownFlow),
        content={"application/x-pcapng": {"schema": BYTES}},
    ),
}
