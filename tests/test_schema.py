"""The contract of the tables: columns, order, version, and no pyarrow before it is needed."""

import subprocess
import sys

import pytest

from pcap_analyzer import schema


def test_the_schema_can_be_read_without_pyarrow():
    code = "import sys, pcap_analyzer.schema; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda table: table.name)
def test_every_table_has_an_arrow_schema_with_the_version(table):
    arrow = schema.arrow_schema(table)
    assert arrow.names == list(table.columns)
    assert arrow.metadata[b"pcap_analyzer.schema_version"] == schema.VERSION.encode()


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda table: table.name)
def test_no_column_is_declared_twice(table):
    assert len(set(table.columns)) == len(table.columns)


def test_columns_come_in_the_order_asked_for():
    assert schema.arrow_schema(schema.PACKETS, ("src", "frame_number")).names == ["src", "frame_number"]


def test_an_unknown_column_is_refused():
    with pytest.raises(KeyError, match="has no column"):
        schema.arrow_schema(schema.PACKETS, ("colour",))


def test_meaning_unit_and_null_travel_with_the_column():
    notes = schema.arrow_schema(schema.PACKETS).field("payload_length").metadata
    assert notes[b"unit"] == b"bytes"
    assert notes[b"null"] == b"no transport header was read"
