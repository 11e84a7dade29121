"""How an error is answered, wherever in the application it was raised: logged, recorded, and told as a problem."""

import http
import logging

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from pcap_analyzer.jobs.refusals import Refused
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.noted import note_refusal
from pcap_analyzer.web.problems import MEDIA_TYPE, headers_of, in_words_of, problem_of, wants_page
from pcap_analyzer.web.rendering import render

log = logging.getLogger(__name__)


def answer(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The problem, as a page for a browser that asked for one, else as JSON."""
    problem = problem_of(error)
    note_refusal(error, problem, request.scope["path"])
    if problem.status == http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s", request.method, request.scope["path"], exc_info=error)
    problem = in_words_of(problem, request.headers)
    if wants_page(request):
        response = render("problem.html", request.scope, status_code=problem.status, problem=problem)
    else:
        response = Response(msgspec.json.encode(problem), media_type=MEDIA_TYPE, status_code=problem.status)
    response.headers.update(headers_of(problem, error))
    if request.method in {"POST", "PATCH"}:
        # The rest of a refused upload need not come: browsers and curl read the answer and stop sending.
        response.headers["Connection"] = "close"
    return response


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Refused: answer, HTTPException: answer, Exception: answer}
