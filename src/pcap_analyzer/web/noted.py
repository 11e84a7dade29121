"""Which event of the audit log an answer is that was not what was asked for."""

from litestar.types import Scope

from pcap_analyzer.audit import Origin, note
from pcap_analyzer.errors import FilterError, TableError
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
from pcap_analyzer.web.access import Guard, Visitor
from pcap_analyzer.web.problems import (
    BadForm,
    BadHeader,
    BadMethod,
    Busy,
    CrossSite,
    Interrupted,
    NotSignedIn,
    Problem,
    SessionEnded,
    Stalled,
    TooManyRequests,
    TooManyTries,
    UnsupportedMedia,
    UnsupportedVersion,
    WrongBearer,
    WrongChecksum,
    WrongCsrf,
    WrongHost,
)

EVENTS: dict[type[Exception], str] = {
    NotSignedIn: "access.refused.not_signed_in",
    SessionEnded: "access.refused.session_ended",
    WrongBearer: "access.wrong_bearer",
    TooManyTries: "access.refused.too_many_tries",
    WrongCsrf: "access.refused.wrong_csrf",
    CrossSite: "access.refused.cross_site",
    WrongHost: "access.refused.wrong_host",
    BadForm: "upload.refused.bad_form",
    Interrupted: "upload.refused.interrupted",
    BadHeader: "upload.refused.bad_header",
    BadMethod: "upload.refused.bad_method",
    UnsupportedVersion: "upload.refused.unsupported_version",
    UnsupportedMedia: "upload.refused.unsupported_media",
    Busy: "upload.refused.busy",
    WrongChecksum: "upload.refused.wrong_checksum",
    UnknownUpload: "upload.refused.unknown",
    UploadGone: "upload.refused.gone",
    Stalled: "upload.refused.stalled",
    WrongOffset: "upload.refused.wrong_offset",
    WrongLength: "upload.refused.wrong_length",
    UploadTooLarge: "upload.refused.too_large",
    NotACapture: "upload.refused.not_a_capture",
    QueueFull: "upload.refused.queue_full",
    StorageFull: "upload.refused.disk_full",
    UnknownAnalysis: "analysis.refused.unknown",
    NotPossible: "analysis.refused.not_possible",
    NoReport: "analysis.refused.no_report",
    Expired: "analysis.refused.expired",
    UnknownTable: "table.refused.unknown",
    UnknownFlow: "flow.refused.unknown",
    NotReady: "table.refused.not_ready",
    NotTakeable: "table.refused.not_takeable",
    TooManyReadings: "limit.readings",
    FilterError: "table.refused.bad_query",
    TableError: "table.refused.bad_query",
}
# Of the same kind for whoever asks, but not the same event.
_IN_PARTS = "/api/uploads/"
_OF_ANALYSES = "/api/analyses/"


def note_refusal(error: Exception, problem: Problem, path: str) -> None:
    """Record that `error` was answered with `problem`."""
    if isinstance(error, TooManyRequests):
        return  # noted once for many, where they are counted
    kind = EVENTS.get(type(error))
    if isinstance(error, QueueFull) and path.startswith(_OF_ANALYSES):
        kind = "analysis.refused.queue_full"
    elif isinstance(error, Interrupted) and path.startswith(_IN_PARTS):
        kind = "upload.interrupted"
    if kind is not None:
        note(kind)
    elif isinstance(error, Refused) or problem.status < 500:
        note("request.refused", status=problem.status, problem=problem.type)
    else:
        note("service.error")


def origin_of(scope: Scope, guard: Guard, visitor: Visitor | None) -> Origin:
    """Who asks. visitor: None before that is known, and for whoever has not signed in."""
    client = scope.get("client")
    if visitor is None:
        who = "stranger"
    elif visitor.session is not None:
        who = "session"
    else:
        who = "token" if guard.required else "anybody"
    session = visitor.session if visitor else None
    return Origin(who, session, client[0] if client else None, str(scope.get("method")), scope["path"])
