"""Pages of a table are those that sorting and filtering the whole in plain Python gives."""

import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcap_analyzer.errors import FilterError, TableError
from pcap_analyzer.schema import TABLES, arrow_schema
from pcap_analyzer.table_pages import MANY, Query, page, rows_of

COLUMNS = ("flow_id", "client", "client_port", "duration", "conn_state")
SCHEMA = arrow_schema(TABLES["flows"], COLUMNS)
ROWS = [
    {
        "flow_id": number,
        "client": f"10.0.0.{number * 7 % 13}",
        "client_port": None if number % 5 == 0 else number * 37 % 101,
        "duration": None if number % 11 == 0 else number * 31 % 29,
        "conn_state": ("SF", "S0", None)[number % 3],
    }
    for number in range(200)
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "flows.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS, SCHEMA), path, row_group_size=30)
    return path


def ask(file: Path, offset: int = 0, limit: int = 1000, where: str = "", sort: tuple[str, ...] = ()) -> list[int]:
    found = page(file, Query("flows", COLUMNS, where, sort), offset, limit)
    return [row["flow_id"] for row in found.rows.to_pylist()]


@given(
    sort=st.lists(st.sampled_from([s + c for s, c in itertools.product(("", "-"), COLUMNS)]), max_size=3),
    filtered=st.booleans(),
    offset=st.integers(0, 220),
    limit=st.integers(1, 220),
)
def test_a_page_is_a_part_of_the_whole_in_order(
    file: Path, sort: list[str], filtered: bool, offset: int, limit: int
) -> None:
    rows = [row for row in ROWS if not filtered or (row["client_port"] or 0) > 20]
    for key in reversed(sort):
        name, down = key.removeprefix("-"), key.startswith("-")
        there = sorted((row for row in rows if row[name] is not None), key=lambda row: row[name], reverse=down)
        rows = [*there, *(row for row in rows if row[name] is None)]
    found = page(file, Query("flows", COLUMNS, "client_port > 20" if filtered else "", tuple(sort)), offset, limit)
    assert found.total == len(rows)
    assert [row["flow_id"] for row in found.rows.to_pylist()] == [
        row["flow_id"] for row in rows[offset : offset + limit]
    ]


def test_many_rows_are_in_the_same_order_as_few(tmp_path: Path) -> None:
    rows = [{"flow_id": number, "client": "::1", "conn_state": "SF"} for number in range(2 * MANY)]
    path = tmp_path / "flows.parquet"
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, row_group_size=1000)
    assert ask(path, MANY + 5, 3, sort=("client",)) == [MANY + 5, MANY + 6, MANY + 7]
    assert ask(path, MANY - 5, 2, sort=("-flow_id",)) == [MANY + 4, MANY + 3]


def test_columns_come_as_asked_and_words_stay_words(file: Path) -> None:
    found = page(file, Query("flows", ("conn_state", "client"), sort=("-duration",)), 0, 3).rows
    assert found.column_names == ["conn_state", "client"]
    assert found.schema.field("client").type == SCHEMA.field("client").type


def test_all_rows_that_match_come_group_by_group(file: Path) -> None:
    groups = list(rows_of(file, Query("flows", ("flow_id",), "client == 10.0.0.7")))
    assert len(groups) > 1
    assert [row for group in groups for row in group.column(0).to_pylist()] == [
        row["flow_id"] for row in ROWS if row["client"] == "10.0.0.7"
    ]


def test_an_empty_table_has_empty_pages(tmp_path: Path) -> None:
    path = tmp_path / "flows.parquet"
    pq.write_table(SCHEMA.empty_table(), path)
    assert ask(path) == ask(path, sort=("client",)) == ask(path, where="client_port == 1") == []


@pytest.mark.parametrize(
    "asked",
    [
        {"columns": ("flow_id", "nonsense")},
        {"columns": ("flow_id", "flow_id")},
        {"sort": ("--flow_id",)},
        {"sort": ("flow_id",) * 5},
    ],
)
def test_what_the_table_does_not_have_is_refused(asked: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(TableError):
        Query("flows", **asked)


def test_a_wrong_filter_is_refused_at_once() -> None:
    with pytest.raises(FilterError, match="character 1"):
        Query("flows", where="nonsense == 1")
