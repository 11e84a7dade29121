"""Connections, before they are requests: how large a request's head may be, how long it may take, how many one client
may hold, and afterwards whether the answer is read. uvicorn has no bound for any of these, and a client that sends or
reads nothing would hold a place for ever.
"""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pcap_analyzer.audit import AuditLog, Origin, noting
from pcap_analyzer.web.policy import HEADERS
from pcap_analyzer.web.problems import Problem, type_of
from pcap_analyzer.web.proxies import Proxies
from pcap_analyzer.web.slow_readers import Reading
from pcap_analyzer.web.socket_body import LEAST_BYTES, SocketBody, offer
from pcap_analyzer.web.target import NoTarget, split

MAX_HEAD_BYTES = 32 << 10
HEAD_S = 20.0
MAX_OF_A_CLIENT = 500
# What a refused client still sends is read and forgotten: closed at once, it might not read why.
LINGER_S = 2.0
# A body that nobody waits for any more.
_REST_S = 20.0

LARGE_HEAD = Problem(
    type_of("large-head"),
    "The head of the request is too large",
    431,
    f"address and headers of a request may have {MAX_HEAD_BYTES >> 10} KiB in all; send fewer or shorter ones",
)
SLOW_HEAD = Problem(
    type_of("slow-head"),
    "The request did not come",
    408,
    f"address and headers of a request have to come within {HEAD_S:g} seconds; connect again",
)
MALFORMED = Problem(
    type_of("malformed"),
    "This is no HTTP",
    400,
    "the bytes are no request of HTTP/1.1, or one that can be read in two ways; send it in another way",
)
MANY_CONNECTIONS = Problem(
    type_of("many-connections"),
    "Too many connections",
    429,
    f"your address holds {MAX_OF_A_CLIENT} connections; close some, then try again",
)
_EVENTS = {
    LARGE_HEAD.type: "limit.large_head",
    SLOW_HEAD.type: "limit.slow_head",
    MALFORMED.type: "request.refused.malformed",
    MANY_CONNECTIONS.type: "limit.many_connections",
}
_PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
}


class Connections:
    """Makes the protocol of each connection of one server. proxies: speak for many, and may hold any number."""

    def __init__(self, audit: AuditLog, proxies: Proxies) -> None:
        self.audit = audit
        self.proxies = proxies
        self.held: Counter[str] = Counter()

    def protocol(self, **given: Any) -> "Connection":
        """For uvicorn."""
        return Connection(self, **given)


class Connection(HttpToolsProtocol):
    """One of them."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all = connections
        self._address: str | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None
        self._reading: Reading
        # Not always the last one that came, which is all that uvicorn keeps.
        self._answered: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._reading = Reading(self.loop, transport, self._end_unread_answer)
        self._address = self.client[0] if self.client else ""
        self._all.held[self._address] += 1
        if self._all.held[self._address] > MAX_OF_A_CLIENT and self._address not in self._all.proxies:
            self._refuse(MANY_CONNECTIONS)
        else:
            self._within(HEAD_S, SLOW_HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._cancel()
        self._reading.end()
        if self._address is not None:
            self._all.held[self._address] -= 1
            if not self._all.held[self._address]:
                del self._all.held[self._address]
            self._address = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reading.goes_on()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(LARGE_HEAD)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._timer is None:
            self._within(HEAD_S, SLOW_HEAD)

    def on_headers_complete(self) -> None:
        self._cancel()
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > MAX_HEAD_BYTES:
            self._refuse(LARGE_HEAD)
        elif sum(name == b"host" for name, _ in self.headers) > 1:
            self._refuse(MALFORMED)  # RFC 9112 section 3.2
        else:
            self._name_host()
        if not self._refused:
            self._body_bytes = _announced(self.headers)
            offer(self.scope, partial(self._lend, self.scope))
            super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            self._body_bytes -= len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        unread = self.cycle.more_body
        self._reading.watch()
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self.loop.call_later(_REST_S, self._end_unread, self.cycle)

    def send_400_response(self, msg: str) -> None:
        self._refuse(MALFORMED)

    def _lend(self, scope: object) -> SocketBody | None:
        """The rest of the body of that request, in the socket."""
        cycle: RequestResponseCycle = self.cycle
        if cycle.scope is not scope:
            return None  # it has come, and so has the beginning of another request
        if self._body_bytes < LEAST_BYTES or cycle.body or cycle.disconnected or self.transport.is_closing():
            return None
        self.flow.pause_reading()
        rest_bytes, self._body_bytes = self._body_bytes, 0
        descriptor = self.transport.get_extra_info("socket").fileno()
        return SocketBody(descriptor, rest_bytes, lambda left_bytes: self._take_back(cycle, left_bytes))

    def _take_back(self, cycle: RequestResponseCycle, left_bytes: int) -> None:
        if left_bytes:
            cycle.keep_alive = False  # what comes next is no request
        elif not self.transport.is_closing():
            # As the other one, which would wait for the body.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.on_message_complete()

    def _name_host(self) -> None:
        """Where the first line names the host, that is who is asked, whatever the header says."""
        try:
            host, self.url = split(self.url)
        except NoTarget:
            self._refuse(MALFORMED)
            return
        if host is not None:
            self.headers[:] = [*(header for header in self.headers if header[0] != b"host"), (b"host", host)]

    def _within(self, seconds: float, problem: Problem) -> None:
        self._timer = self.loop.call_later(seconds, self._refuse, problem)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_unread(self, cycle: object) -> None:
        if self.cycle is cycle and self.cycle.more_body and not self.transport.is_closing():
            self.transport.close()

    def _end_unread_answer(self) -> None:
        with noting(self._all.audit, Origin("stranger", address=self._address)):
            self._all.audit.record("limit.slow_reader")
        if self._answered is not None:
            # Before it hears of the end, it might write once more.
            self._answered.disconnected = True
            self._answered.message_event.set()
        self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        self._cancel()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        # Somebody who connected and said nothing need not hear anything: that is what idle browsers do.
        silent = problem is SLOW_HEAD and not self._head_bytes
        if not silent:
            with noting(self._all.audit, Origin("stranger", address=self._address)):
                self._all.audit.record(_EVENTS[problem.type])
            # After an answer that has begun, another one would be a part of it.
            cycle: RequestResponseCycle | None = self.cycle
            if not cycle or cycle.response_complete or not cycle.response_started:
                self.transport.write(_answer(problem))
            if cycle:
                cycle.disconnected = True
                cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(0 if silent else LINGER_S, self.transport.close)


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    """Bytes of the body; 0 where nobody said. That it is one number, and the only length, the parser has seen."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _answer(problem: Problem) -> bytes:
    body = msgspec.json.encode(problem)
    headers = HEADERS | {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Content-Security-Policy": "default-src 'none'",
    }
    if problem.status == 429:
        headers["Retry-After"] = "10"
    lines = [f"HTTP/1.1 {problem.status} {_PHRASES[problem.status]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
