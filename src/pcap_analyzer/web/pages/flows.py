"""The flows of an analysis as a table to sort, filter and page, and one flow with its packets and graphs."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import pyarrow as pa
from anyio.to_thread import run_sync
from litestar import Response, get
from litestar.params import QueryParameter
from litestar.response import Redirect

from pcap_analyzer.errors import FilterError, TableError
from pcap_analyzer.iana import protocol_name, service_name
from pcap_analyzer.jobs.model import Analysis, State
from pcap_analyzer.jobs.refusals import NotReady
from pcap_analyzer.jobs.tables import Tables
from pcap_analyzer.jobs.takings import PACKETS
from pcap_analyzer.schema import MARKS
from pcap_analyzer.table_pages import Query, page
from pcap_analyzer.web.flows import FlowId, display_filter, links_of, require
from pcap_analyzer.web.injected import AnyRequest, Service, TablesOfService, TaskId
from pcap_analyzer.web.policy import drawing_policy, nonce_of
from pcap_analyzer.web.reading import read, tables_of
from pcap_analyzer.web.rendering import render
from pcap_analyzer.web.tables import Text, names

ROWS = 50
PACKET_ROWS = 100
# A page that waits longer says so instead, and asks again.
PATIENCE_S = 3.0
PageNumber = Annotated[int, QueryParameter(name="page", ge=1, le=200_000)]

COLUMNS = (
    *("flow_id", "stream", "ip_version", "protocol", "client", "client_port", "server", "server_port", "first_seen"),
    *("duration", "client_bytes", "server_bytes", "client_packets", "server_packets", "initial_rtt"),
    *("client_retransmission", "server_retransmission", "conn_state", "ended"),
)
PACKET_COLUMNS = (
    *("frame_number", "timestamp", "from_client", "original_length", "payload_length", "tcp_flags", "tcp_seq"),
    *("tcp_ack", "tcp_window", "tcp_marks", "ack_rtt", "bytes_in_flight"),
)
LISTS = {
    "all": "",
    "repeated": "client_retransmission > 0 or server_retransmission > 0",
    "unanswered": "conn_state == S0",
    "refused": "conn_state == REJ",
    "reset": "ended == reset",
    "closed": "client_zero_window_periods > 0 or server_zero_window_periods > 0",
    "long": "duration > 60s",
}
EXAMPLE = "server_port == 443 and initial_rtt > 50ms"
FORMS = {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet", "arrow": "Arrow"}
FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
WRAP = 1 << 32


@get("/analyses/{task_id:uuid}/flows")
async def flows_page(
    request: AnyRequest,
    task_id: TaskId,
    service: Service,
    tables: TablesOfService,
    where: Text = "",
    sort: Text = "",
    page_number: PageNumber = 1,
) -> Response[bytes] | Redirect:
    """A page of the flows, by query string: `where` is a filter, `sort` names columns."""
    analysis = await run_sync(service.get, str(task_id))
    if analysis.state is not State.SUCCEEDED:
        return Redirect(f"/analyses/{task_id}", status_code=303)
    rows: list[dict[str, Any]] = []
    total, wrong, waits = 0, "", False
    try:
        await tables_of(tables, analysis, PATIENCE_S)
        query = Query("flows", COLUMNS, where, names(sort))
        rows, total = await _rows(await run_sync(tables.path, analysis, "flows"), query, (page_number - 1) * ROWS, ROWS)
    except (FilterError, TableError) as error:
        wrong = str(error)
    except NotReady:
        waits = True
    return render(
        "flows.html",
        request.scope,
        status_code=400 if wrong else 200,
        analysis=analysis,
        rows=[_named(row) for row in rows],
        total=total,
        wrong=wrong,
        waits=waits,
        where=where,
        sort=sort,
        lists=LISTS,
        example=EXAMPLE,
        forms=FORMS,
        page=page_number,
        pages=max(1, -(-total // ROWS)),
        address=lambda **changed: _address(analysis, {"where": where, "sort": sort, "page": 1} | changed),
    )


@get("/analyses/{task_id:uuid}/flows/{flow_id:int}")
async def flow_page(
    request: AnyRequest,
    task_id: TaskId,
    flow_id: FlowId,
    service: Service,
    tables: TablesOfService,
    page_number: PageNumber = 1,
) -> Response[bytes] | Redirect:
    """One flow: what is known of it, its graphs, its packets a page at a time."""
    analysis = await run_sync(service.get, str(task_id))
    if analysis.state is not State.SUCCEEDED:
        return Redirect(f"/analyses/{task_id}", status_code=303)
    row: dict[str, Any] = {}
    packets: list[dict[str, Any]] = []
    total, waits = 0, False
    try:
        tables.require_flow(await tables_of(tables, analysis, PATIENCE_S), flow_id)
        [row], _ = await _rows(await run_sync(tables.path, analysis, "flows"), Query("flows"), flow_id, 1)
        packets, total = await _packets(tables, analysis, flow_id, page_number)
    except NotReady:
        waits = True
    answer = render(
        "flow.html",
        request.scope,
        analysis=analysis,
        flow=_named(row) if row else None,
        flow_id=flow_id,
        filter=display_filter(row) if row else "",
        links=links_of(analysis.id, flow_id),
        packets=packets,
        total=total,
        waits=waits,
        page=page_number,
        pages=max(1, -(-total // PACKET_ROWS)),
    )
    answer.headers["Content-Security-Policy"] = drawing_policy(nonce_of(request.scope))
    return answer


async def _packets(
    tables: Tables, analysis: Analysis, flow_id: int, page_number: int
) -> tuple[list[dict[str, Any]], int]:
    """A page of a flow's packets with flags and marks in words, sequence numbers from the flow's first."""
    await require(tables, analysis, flow_id, PACKETS, PATIENCE_S)
    path = await run_sync(tables.flow_path, analysis, flow_id, PACKETS)
    query = Query(PACKETS, PACKET_COLUMNS)
    rows, total = await _rows(path, query, (page_number - 1) * PACKET_ROWS, PACKET_ROWS)
    first = {side: await _first_number(path, side) for side in (True, False)}
    (begin,), _ = await _rows(path, Query(PACKETS, ("timestamp",)), 0, 1)
    for row in rows:
        side = row["from_client"]
        row["since"] = _less(row["timestamp"], begin["timestamp"])
        row["seq"] = _behind(row["tcp_seq"], first[side])
        row["ack"] = _behind(row["tcp_ack"], first[not side]) if (row["tcp_flags"] or 0) & 16 else None
        row["flags"] = " ".join(name for bit, name in enumerate(FLAGS) if (row["tcp_flags"] or 0) >> bit & 1)
        row["marks"] = [name for bit, name in enumerate(MARKS) if (row["tcp_marks"] or 0) >> bit & 1]
    return rows, total


async def _first_number(path: Path, from_client: bool) -> int | None:
    where = "tcp_seq is not null and " + ("from_client" if from_client else "not from_client")
    rows, _ = await _rows(path, Query(PACKETS, ("tcp_seq",), where), 0, 1)
    return rows[0]["tcp_seq"] if rows else None


def _behind(number: int | None, first: int | None) -> int | None:
    return None if number is None or first is None else (number - first) % WRAP


def _less(time: int | None, begin: int | None) -> int | None:
    return None if time is None or begin is None else time - begin


async def _rows(path: Path, query: Query, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """Rows with times and durations in nanoseconds, and how many there are."""
    found = await read(page, path, query, offset, limit)
    columns = [
        column.cast(pa.int64()) if pa.types.is_temporal(column.type) else column for column in found.rows.columns
    ]
    return pa.table(columns, names=found.rows.column_names).to_pylist(), found.total


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """With the names of its protocol and service."""
    port = row["server_port"]
    service = None if port is None else service_name(row["protocol"], port)
    return row | {"protocol_name": protocol_name(row["protocol"]), "service": service}


def _address(analysis: Analysis, asked: dict[str, Any]) -> str:
    """Of a page of flows; what is said anyway is left out."""
    told = {name: value for name, value in asked.items() if value not in ("", 1)}
    return f"/analyses/{analysis.id}/flows" + (f"?{urlencode(told)}" if told else "")
