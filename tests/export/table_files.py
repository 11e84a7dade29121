"""Exported tables read back, with the types of the schema: text formats need to be told."""

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq


def read_back(path, schema):
    """The rows of a file, see plain."""
    return plain(READERS[path.suffix](path, schema), schema)


def plain(table, schema):
    """The rows with words as texts, in the column types of `schema`: what a comparison is made of."""
    arrays = [table.column(field.name) for field in schema]
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in schema]
    return pa.table(
        [array.cast(kind).combine_chunks() for array, kind in zip(arrays, kinds, strict=True)],
        names=[field.name for field in schema],
    )


def _parquet(path, _schema):
    return pq.read_table(path)


def _arrow(path, _schema):
    with pa.ipc.open_stream(path) as stream:
        return stream.read_all()


def _stored(schema):
    """What the text formats hold: durations as whole nanoseconds, words as texts."""
    kinds = {}
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        kinds[field.name] = pa.int64() if pa.types.is_duration(kind) else kind
    return kinds


def _csv(path, schema):
    convert = pyarrow.csv.ConvertOptions(
        column_types=_stored(schema), strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    return pyarrow.csv.read_csv(path, convert_options=convert)


def _jsonl(path, schema):
    if not path.stat().st_size:
        return schema.empty_table()
    kinds = {name: pa.string() if pa.types.is_timestamp(kind) else kind for name, kind in _stored(schema).items()}
    options = pyarrow.json.ParseOptions(explicit_schema=pa.schema(list(kinds.items())))
    return pyarrow.json.read_json(path, parse_options=options)


READERS = {".parquet": _parquet, ".arrows": _arrow, ".csv": _csv, ".jsonl": _jsonl}
