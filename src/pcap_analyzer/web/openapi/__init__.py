"""What the API offers, as an OpenAPI 3.1 document and as a page that shows it.

litestar knows routes, parameters and shapes of answers from the handlers; `operations` says what they cannot: what an
operation is for, which problems it answers, and what comes and goes that is no JSON. A test sees to it that
every route is described there.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from pcap_analyzer import __version__
from pcap_analyzer.web.connections import LARGE_HEAD
from pcap_analyzer.web.injected import AnyRequest
from pcap_analyzer.web.openapi.operations import ALWAYS, BODIES, CHANGES, OPERATIONS, PROBED, Described
from pcap_analyzer.web.problems import KINDS, MEDIA_TYPE, Problem, type_of
from pcap_analyzer.web.rendering import render

Document = dict[str, Any]
Handlers = Sequence[ControllerRouterHandler]
Dependencies = Mapping[str, Provide]
INTRODUCTION = (
    "Captures go in, reports and tables come out. Errors are problem details (RFC 9457): `type` is stable, `detail` "
    "says what was found, what was expected and what to do. Where the service asks for a token, send it as "
    "`Authorization: Bearer TOKEN`."
)


def routes(handlers: Handlers, dependencies: Dependencies) -> list[ControllerRouterHandler]:
    """The document of what `handlers` offer, and the page that shows it; made when somebody first asks."""

    @cache
    def made() -> Document:
        return document(handlers, dependencies)

    @get("/api/openapi.json", sync_to_thread=True)
    def openapi_json() -> Response[bytes]:
        """The document."""
        return Response(msgspec.json.encode(made()), media_type="application/json")

    @get("/api/docs", sync_to_thread=True)
    def docs(request: AnyRequest) -> Response[bytes]:
        """The document as a page."""
        return render("docs.html", request.scope, document=made(), introduction=INTRODUCTION)

    return [openapi_json, docs]


def document(handlers: Handlers, dependencies: Dependencies) -> Document:
    """Everything below /api and the metrics; pages for people are not part of it."""
    # Of an application that is never served: litestar's own would have pages that ask other hosts.
    unserved = Litestar(
        list(handlers),
        dependencies=dependencies,
        openapi_config=OpenAPIConfig("PCAP Analyzer", __version__),
        logging_config=None,
    )
    found: Document = unserved.openapi_schema.to_schema()
    paths = {
        path: {
            method: _described(path, method, operation)
            for method, operation in methods.items()
            if method != "parameters"
        }
        for path, methods in found["paths"].items()
        if path.startswith("/api/") or path == "/metrics"
    }
    components = found.setdefault("components", {})
    [problem], known = msgspec.json.schema_components([Problem], ref_template="#/components/schemas/{name}")
    components.setdefault("schemas", {}).update(known)
    assert problem == {"$ref": "#/components/schemas/Problem"}
    components["schemas"]["Problem"]["properties"]["type"]["examples"] = [type_of("unknown-analysis")]
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": "AUTH_TOKEN"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PCAP Analyzer",
            "version": __version__,
            "description": INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": components,
    }


def _described(path: str, method: str, operation: Document) -> Document:
    """An operation as litestar knows it, with what `operations` says of it. Raises KeyError where that is nothing."""
    name = f"{method.upper()} {path}"
    described = OPERATIONS[name]
    parameters = [_parameter(one, described) for one in operation.get("parameters", [])]
    parameters += [
        {"name": header, "in": "header", "required": required, "schema": schema, "description": words}
        for header, (required, schema, words) in described.headers.items()
    ]
    told: Document = {
        "operationId": described.id,
        "tags": [described.tag],
        "summary": described.summary,
        "parameters": parameters,
        "responses": _answers(operation["responses"], described) | _problems(method, bool(parameters), described),
    }
    if described.detail:
        told["description"] = described.detail
    if described.body:
        media, schema, required = BODIES[described.body]
        told["requestBody"] = {"required": required, "content": {media: {"schema": schema}}}
    return told


def _parameter(parameter: Document, described: Described) -> Document:
    kept = {key: parameter[key] for key in ("name", "in", "required", "schema")}
    words = described.parameters.get(parameter["name"], PROBED.get(parameter["name"]))
    return kept | ({"description": words} if words else {})


def _answers(known: Document, described: Described) -> Document:
    """What comes where nothing is wrong."""
    found = {}
    for status, answer in known.items():
        if status.startswith(("2", "3")):
            content = described.content or answer.get("content")
            found[status] = {"description": described.answer} | ({"content": content} if content else {})
            if described.empty:
                found[status].pop("content", None)
    return found | {
        str(status): {"description": words, **({"content": described.content} if described.content else {})}
        for status, words in described.more.items()
    }


def _problems(method: str, asks: bool, described: Described) -> Document:
    """What comes where something is: by status, with the types that it can have."""
    kinds = [*described.problems]
    if described.tag != "service" or described.id != "health":
        kinds += ALWAYS
    if method in {"post", "patch", "delete"}:
        kinds += CHANGES
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        status, name, title = KINDS[kind]
        by_status.setdefault(status, []).append(f"`{type_of(name)}`: {title}")
    by_status.setdefault(LARGE_HEAD.status, []).append(f"`{LARGE_HEAD.type}`: {LARGE_HEAD.title}")
    if asks:
        by_status.setdefault(400, []).append(f"`{type_of('http')}`: A parameter is not what it should be")
        by_status.setdefault(404, []).append(f"`{type_of('http')}`: The address is not one of this service")
    if described.queries:
        by_status.setdefault(400, []).append(f"`{type_of('bad-query')}`: The table does not have what is asked of it")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {"description": "; ".join(dict.fromkeys(words)), "content": content}
        for status, words in sorted(by_status.items())
    }
