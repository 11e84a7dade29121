"""Errors as RFC 9457 problem details; the one place where the domain's refusals get an HTTP status."""

import http
from math import ceil

import msgspec
from litestar.datastructures import Headers
from litestar.exceptions import HTTPException

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
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.language import spoken
from pcap_analyzer.web.messages import filter_teller, teller

NOTHING_HERE = "there is nothing at this address; look whether it is whole, or begin at the upload page"
OTHER_METHODS = "this address takes other methods; /api/docs says which"
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 10
SOON_S = 2


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457 section 3. `type` is stable; `detail` says what was found, what was expected, what to do."""

    type: str
    title: str
    status: int
    detail: str


class BadForm(Refused):
    """The body is not the form that was expected."""


class Interrupted(Refused):
    """The connection ended before the body did."""


class Stalled(Refused):
    """The body stopped coming."""


class BadHeader(Refused):
    """A header is missing, or does not say what it should."""


class BadMethod(Refused):
    """Another method is meant for this."""


class Busy(Refused):
    """Somebody else is at it."""


class UnsupportedMedia(Refused):
    """The body is of another kind than expected."""


class UnsupportedVersion(Refused):
    """Another version of tus than ours."""


class WrongChecksum(Refused):
    """The bytes are not those that were announced."""


class CrossSite(Refused):
    """Another site's page sent this."""


class NotSignedIn(Refused):
    """Whoever asks has not shown the token."""


class SessionEnded(NotSignedIn):
    """The session that was shown has ended, or was never given."""


class WrongBearer(NotSignedIn):
    """The token that was shown is a wrong one."""


class WrongCsrf(Refused):
    """A browser's session sent this, and none of our pages."""


class Later(Refused):
    """Not now, but after so many seconds."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class TooManyTries(Later):
    """Too many wrong tokens."""


class TooManyRequests(Later):
    """More requests than RATE_LIMIT_PER_MINUTE."""


class WrongHost(Refused):
    """The request was meant for another name than ours."""


KINDS: dict[type[Refused], tuple[int, str, str]] = {
    BadForm: (400, "bad-form", "The form cannot be read"),
    Interrupted: (400, "interrupted", "The connection ended"),
    BadHeader: (400, "bad-header", "A header cannot be read"),
    BadMethod: (405, "bad-method", "Another method is meant"),
    UnsupportedVersion: (412, "unsupported-version", "This version of tus is not spoken"),
    UnsupportedMedia: (415, "unsupported-media", "The body is of another kind"),
    Busy: (423, "busy", "Somebody else is at it"),
    # Of tus, not of HTTP.
    WrongChecksum: (460, "wrong-checksum", "The checksum does not match"),
    NotSignedIn: (401, "not-signed-in", "Sign in first"),
    SessionEnded: (401, "not-signed-in", "Sign in again"),
    WrongBearer: (401, "not-signed-in", "This is not the token"),
    WrongCsrf: (403, "wrong-csrf", "Not sent by a page of this service"),
    CrossSite: (403, "cross-site", "Sent by another site"),
    UnknownAnalysis: (404, "unknown-analysis", "No such analysis"),
    UnknownUpload: (404, "unknown-upload", "No such upload"),
    UnknownTable: (404, "unknown-table", "No such table"),
    UnknownFlow: (404, "unknown-flow", "No such flow"),
    Stalled: (408, "stalled", "The upload has stopped"),
    NoReport: (409, "no-report", "There is no report"),
    NotReady: (409, "not-ready", "This is being made"),
    NotTakeable: (409, "not-takeable", "This cannot be had of the capture"),
    NotPossible: (409, "not-possible", "This cannot be done now"),
    WrongOffset: (409, "wrong-offset", "The upload stands elsewhere"),
    Expired: (410, "expired", "The report has expired"),
    UploadGone: (410, "upload-gone", "The upload was ended"),
    WrongLength: (400, "wrong-length", "The length is not as announced"),
    UploadTooLarge: (413, "upload-too-large", "The capture is too large"),
    NotACapture: (415, "not-a-capture", "The file is no capture"),
    WrongHost: (421, "wrong-host", "This name is not served here"),
    TooManyTries: (429, "too-many-tries", "Too many wrong tokens"),
    TooManyRequests: (429, "too-many-requests", "Too many requests"),
    TooManyReadings: (429, "too-many-readings", "Too much is being read"),
    QueueFull: (429, "queue-full", "Too many analyses wait"),
    StorageFull: (507, "storage-full", "The disk is full"),
}


def problem_of(error: Exception) -> Problem:
    """What a client is told of an error; of an unexpected one, nothing of the inside."""
    if isinstance(error, Refused):
        status, kind, title = KINDS[type(error)]
        return Problem(type_of(kind), title, status, str(error))
    if isinstance(error, FilterError | TableError):
        return Problem(BAD_QUERY, "This cannot be asked of the table", 400, str(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return Problem(type_of("http"), http.HTTPStatus(error.status_code).phrase, error.status_code, _detail(error))
    return Problem(type_of("internal"), "Internal error", 500, "the service met an error of its own; its log says more")


def in_words_of(problem: Problem, headers: Headers) -> Problem:
    """The problem in the language of whoever sent these headers (RFC 9457 section 3.1.3)."""
    language = spoken(headers)
    told = teller(language)
    detail = filter_teller(language) if problem.type == BAD_QUERY else told
    return msgspec.structs.replace(problem, title=told(problem.title), detail=detail(problem.detail))


def headers_of(problem: Problem, error: Exception) -> dict[str, str]:
    """Headers that belong to the problem of an error beside its body."""
    if isinstance(error, NotReady):
        return {"Retry-After": str(SOON_S)}
    match problem.status:
        case http.HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": 'Bearer realm="PCAP Analyzer"'}
        case http.HTTPStatus.TOO_MANY_REQUESTS:
            return {"Retry-After": str(ceil(error.wait_s) if isinstance(error, Later) else RETRY_AFTER_S)}
        case http.HTTPStatus.PRECONDITION_FAILED:
            return {"Tus-Version": "1.0.0"}
    return {}


def wants_page(request: AnyRequest) -> bool:
    """Whether a browser is going to show the answer, as after a form sent without scripts."""
    return request.accept.best_match([MEDIA_TYPE, "text/html"]) == "text/html"


def type_of(kind: str) -> str:
    """The stable name of a kind of problem."""
    return f"urn:pcap-analyzer:problem:{kind}"


def _detail(error: HTTPException) -> str:
    wrong = error.extra if isinstance(error.extra, list) else []
    if wrong:
        return "; ".join(f"{item['key']}: {item['message']}" for item in wrong)
    # What the framework says of itself is the title once more.
    return (
        {404: NOTHING_HERE, 405: OTHER_METHODS}.get(error.status_code, error.detail)
        if _is_bare(error)
        else error.detail
    )


def _is_bare(error: HTTPException) -> bool:
    return error.detail == http.HTTPStatus(error.status_code).phrase


BAD_QUERY = type_of("bad-query")
