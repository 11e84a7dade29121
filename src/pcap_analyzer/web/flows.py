"""One flow of an analysis: its row, its packets, its points over time, its records as a capture."""

import os
from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Response, get
from litestar.params import PathParameter
from litestar.response import Stream

from pcap_analyzer.audit import note
from pcap_analyzer.flow_series import FlowSeries, series_of
from pcap_analyzer.jobs.model import Analysis
from pcap_analyzer.jobs.tables import Tables
from pcap_analyzer.jobs.takings import PACKETS, SLICE
from pcap_analyzer.table_pages import Query, page
from pcap_analyzer.web.injected import Service, TablesOfService, TaskId
from pcap_analyzer.web.reading import DOWNLOADS, PATIENCE_S, made, read, tables_of
from pcap_analyzer.web.tables import Limit, Offset, Text, download, names, page_of, rows_json

FlowId = Annotated[int, PathParameter(ge=0, le=0xFFFFFFFF)]


class FlowLinks(msgspec.Struct, frozen=True):
    """Where else the flow is to be seen."""

    page: str
    packets: str
    series: str
    capture: str


class OneFlow(msgspec.Struct, frozen=True):
    """flow: its row of the table `flows`.  display_filter: shows it in Wireshark."""

    flow: dict[str, Any]
    display_filter: str
    links: FlowLinks


@get("/api/analyses/{task_id:uuid}/flows/{flow_id:int}")
async def flow(task_id: TaskId, flow_id: FlowId, service: Service, tables: TablesOfService) -> OneFlow:
    """One flow: all that was counted, marked and measured of it."""
    analysis = await run_sync(service.results_of, str(task_id))
    row = await flow_row(tables, analysis, flow_id)
    note("flow.viewed", analysis=analysis.id, flow=flow_id)
    return OneFlow(row, display_filter(row), links_of(str(task_id), flow_id))


@get("/api/analyses/{task_id:uuid}/flows/{flow_id:int}/packets")
async def packets(
    task_id: TaskId,
    flow_id: FlowId,
    service: Service,
    tables: TablesOfService,
    columns: Text = "",
    where: Text = "",
    sort: Text = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response[bytes]:
    """A page of the flow's packets, as of a table; they are read out of the capture when they are first asked for."""
    query = Query(PACKETS, names(columns), where, names(sort))
    analysis = await run_sync(service.results_of, str(task_id))
    await require(tables, analysis, flow_id, PACKETS)
    return await page_of(await run_sync(tables.flow_path, analysis, flow_id, PACKETS), query, offset, limit)


@get("/api/analyses/{task_id:uuid}/flows/{flow_id:int}/series")
async def series(task_id: TaskId, flow_id: FlowId, service: Service, tables: TablesOfService) -> FlowSeries:
    """The flow over time: sequence numbers, windows, round trips, rates; some thousand points at most."""
    analysis = await run_sync(service.results_of, str(task_id))
    await require(tables, analysis, flow_id, PACKETS)
    return await read(series_of, await run_sync(tables.flow_path, analysis, flow_id, PACKETS))


@get("/api/analyses/{task_id:uuid}/flows/{flow_id:int}/capture.pcapng")
async def capture(task_id: TaskId, flow_id: FlowId, service: Service, tables: TablesOfService) -> Stream:
    """The flow's packets as a capture: records as they were, with the interfaces of the capture."""
    DOWNLOADS.require_room()
    analysis = await run_sync(service.results_of, str(task_id))
    await require(tables, analysis, flow_id, SLICE)
    path = await run_sync(tables.flow_path, analysis, flow_id, SLICE)
    note("flow.downloaded", analysis=analysis.id, flow=flow_id)
    return download(
        await run_sync(os.open, path, os.O_RDONLY), "application/x-pcapng", f"{task_id}-flow-{flow_id}.pcapng"
    )


async def require(tables: Tables, analysis: Analysis, flow_id: int, kind: str, patience_s: float = PATIENCE_S) -> None:
    """PACKETS or SLICE of a flow, taken if need be. Raises UnknownFlow and what tables_of raises."""
    tables.require_flow(await tables_of(tables, analysis), flow_id)
    what = "the packets of the flow are" if kind == PACKETS else "the flow is"
    await made(await run_sync(tables.of_flow, analysis, flow_id, kind), what, patience_s)


async def flow_row(tables: Tables, analysis: Analysis, flow_id: int) -> dict[str, Any]:
    """A flow's row, values as in JSON. Raises UnknownFlow and what tables_of raises."""
    tables.require_flow(await tables_of(tables, analysis), flow_id)
    # Rows are in order of flow_id, which counts them.
    found = await read(page, await run_sync(tables.path, analysis, "flows"), Query("flows"), flow_id, 1)
    row: dict[str, Any] = msgspec.json.decode(rows_json(found.rows))
    return row


def display_filter(row: dict[str, Any]) -> str:
    """What shows the flow in Wireshark."""
    if row["stream"] is not None:
        return f"{'tcp' if row['protocol'] == 6 else 'udp'}.stream eq {row['stream']}"
    address = "ip" if row["ip_version"] == 4 else "ipv6"
    both = f"{address}.addr eq {row['client']} and {address}.addr eq {row['server']}"
    port = "sctp.port"
    if row["client_port"] is None:
        return both
    return f"{both} and {port} eq {row['client_port']} and {port} eq {row['server_port']}"


def links_of(task_id: str, flow_id: int) -> FlowLinks:
    """Of a flow."""
    api = f"/api/analyses/{task_id}/flows/{flow_id}"
    return FlowLinks(f"/analyses/{task_id}/flows/{flow_id}", f"{api}/packets", f"{api}/series", f"{api}/capture.pcapng")
