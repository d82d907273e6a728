"""Usage files as rows of text: CloudEvents in JSON Lines, flat CSV, Parquet; each plain or gz.

Every format comes out as the same relation (`COLUMNS`), with each number still as it was written or already in an
exact type, and `fault` ('code reason') where a row cannot be read at all. Judging rows belongs to `metering`.

A line is physical and counted from 1, header included; in Parquet, which has no lines, it is the row from 1.
"""

import json
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from billing_assets.landing import delimited, strict_json
from billing_assets.landing.containers import open_decompressed, open_text
from billing_assets.landing.files import LandedFile
from billing_assets.landing.kinds import is_compressed
from billing_assets.landing.quarantine import Fault, cut

# Flat column -> CloudEvents attribute. All are required, so their absence is a fault of the row.
REQUIRED = {
    "event_id": "id",
    "source": "source",
    "event_type": "type",
    "account_id": "subject",
    "event_time": "time",
}
COLUMNS = (
    "file_sequence",
    "line",
    "event_id",
    "source",
    "event_type",
    "account_id",
    "time_text",
    "time_value",
    "quantity_text",
    "quantity_value",
    "properties",
    "fault",
)
_SCHEMA = pa.schema(
    [
        ("file_sequence", pa.int64()),
        ("line", pa.int64()),
        *((name, pa.string()) for name in (*REQUIRED, "quantity", "properties", "fault")),
    ]
)
# Rows per Arrow batch: large enough that the per-batch cost vanishes, small enough to stay in cache.
_BATCH_ROWS = 32_768
_BLOCK_BYTES = 4 << 20

# The plain spelling of a moment, which SQL reads exactly; any other spelling goes to `landing.times`.
_PLAIN_TIME = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-][01][0-9]:[0-5][0-9])"
)
# Two plain spellings of a number that fit 18 digits, because a cast to 38 digits costs 30 times as much;
# any other spelling goes to `landing.numbers`.
_SMALL_NUMBER = "-?[0-9]{1,6}(\\.[0-9]{1,12})?"
_LARGE_NUMBER = "-?[0-9]{1,15}(\\.[0-9]{1,3})?"


@dataclass
class FileFaults:
    """Files that cannot be taken as a whole, by file sequence: filled while reading."""

    by_file: dict[int, Fault] = field(default_factory=dict)


def is_parquet(file: LandedFile) -> bool:
    """Whether the file is read column-wise (`parquet_relations`) instead of row by row (`text_batches`)."""
    return _suffix(file) == "parquet"


# --- text: JSON Lines and CSV -------------------------------------------------------------------------------


def text_relation(reader: str) -> str:
    """The query that gives `COLUMNS` from the batches of `text_batches`, registered under the name `reader`."""
    return (
        f"select file_sequence, line, event_id, source, event_type, account_id, event_time as time_text,"
        f" {_time_from_text('event_time')} as time_value, quantity as quantity_text,"
        f" {_quantity_from_text('quantity')} as quantity_value, properties, fault from {reader}"
    )


def text_batches(files: Sequence[LandedFile], faults: FileFaults) -> pa.RecordBatchReader:
    """The rows of JSON and CSV files, file by file, as a stream that is read once."""

    def batches() -> Iterator[pa.RecordBatch]:
        for file in files:
            yield from _csv_batches(file, faults) if _suffix(file) == "csv" else _json_batches(file)

    return pa.RecordBatchReader.from_batches(_SCHEMA, batches())


class _Rows:
    """Rows of one file on their way into an Arrow batch."""

    def __init__(self, file_sequence: int) -> None:
        self.file_sequence = file_sequence
        self.lines: list[int] = []
        self.columns: tuple[list[Any], ...] = tuple([] for _ in range(8))

    def add(self, line: int, *values: str | bytes | None) -> None:
        self.lines.append(line)
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)

    def batch(self) -> pa.RecordBatch:
        sequence = pa.repeat(pa.scalar(self.file_sequence, pa.int64()), len(self.lines))
        texts = [pa.array(column, pa.string()) for column in self.columns]
        return pa.RecordBatch.from_arrays([sequence, pa.array(self.lines, pa.int64()), *texts], schema=_SCHEMA)


class _Event(msgspec.Struct, gc=False):
    """The attributes of a CloudEvent that are read; `data` keeps every value as it was written."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: dict[str, msgspec.Raw]
    specversion: str | None = None


_decode = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.encode


def _json_batches(file: LandedFile) -> Iterator[pa.RecordBatch]:
    line = 0
    with open_decompressed(file.absolute, compressed=is_compressed(file.path)) as stream:
        rest = stream.read(3)
        rest = b"" if rest == b"\xef\xbb\xbf" else rest
        while block := stream.read(_BLOCK_BYTES):
            whole, newline, tail = block.rpartition(b"\n")
            if not newline:
                rest += block
                continue
            lines = (rest + whole).split(b"\n")
            yield from _json_rows(file.file_sequence, lines, line)
            line += len(lines)
            rest = tail
        if rest:
            yield from _json_rows(file.file_sequence, rest.split(b"\n"), line)


def _json_rows(file_sequence: int, lines: list[bytes], before: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(lines), _BATCH_ROWS):
        rows = _Rows(file_sequence)
        _read_json_lines(rows, lines[start : start + _BATCH_ROWS], before + start)
        if rows.lines:
            yield rows.batch()


def _read_json_lines(rows: _Rows, lines: list[bytes], before: int) -> None:
    """The quick way for lines as every producer writes them; any doubt goes to the strict reader.

    The quick decoder keeps the last of two equal names. Counting the names in the text finds such a line.
    """
    numbers, (ids, sources, types, accounts, times, quantities, properties, faults) = rows.lines, rows.columns
    for number, line in enumerate(lines, before + 1):
        try:
            event = _decode(line)
            data = event.data
            names = 6 + len(data) + (event.specversion is not None)
            quantity: str | None = None
            raw = data.pop("quantity", None)
            # A quote before a blank: perhaps a name apart from its colon, which the count of names would miss.
            # Not a loop over the three, which took as long as all else.
            is_plain = line.count(b'":') == names and not (b'" ' in line or b'"\t' in line or b'"\r' in line)
            if raw is not None:
                quantity = str(raw, "utf-8")
                if quantity[0] == '"':
                    quantity = quantity[1:-1]
                    is_plain = is_plain and "\\" not in quantity
                elif quantity[0] not in "-0123456789":
                    is_plain = False
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            is_plain = False
        if is_plain:
            numbers.append(number)
            ids.append(event.id)
            sources.append(event.source)
            types.append(event.type)
            accounts.append(event.subject)
            times.append(event.time)
            quantities.append(quantity)
            properties.append(_encode(data))
            faults.append(None)
        elif line.strip():
            rows.add(number, *_strict_event(line))


def _strict_event(line: bytes) -> tuple[str | None, ...]:
    """One event, read slowly and exactly: the required fields, quantity, properties, fault."""
    try:
        event = strict_json.loads(line.decode())
    except (strict_json.NotJson, UnicodeDecodeError) as error:
        return (*[None] * 7, f"json {error}")
    if not isinstance(event, dict):
        return (*[None] * 7, "json not an object")
    fault: str | None = None
    fields: list[str | None] = []
    for name in REQUIRED.values():
        value = event.get(name)
        if value is not None and (not isinstance(value, str) or isinstance(value, strict_json.JsonNumber)):
            fault = fault or f"field {name} is not a text"
            value = None
        fields.append(value)
    data = event.get("data")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        return (*fields, None, None, fault or "json data is not an object")
    quantity = data.pop("quantity", None)
    if quantity is not None and not isinstance(quantity, str):
        fault = fault or f"number quantity is {strict_json.canonical(quantity)}, not a number"
        quantity = None
    return (*fields, None if quantity is None else str(quantity), strict_json.canonical(data), fault)


def _csv_batches(file: LandedFile, faults: FileFaults) -> Iterator[pa.RecordBatch]:
    rows = _Rows(file.file_sequence)
    try:
        with open_text(file.absolute, compressed=is_compressed(file.path)) as stream:
            for line, record in delimited.read(stream):
                if isinstance(record, Fault):
                    rows.add(line, *[None] * 7, f"{record.code} {record.reason}")
                else:
                    missing = [name for name in REQUIRED if name not in record]
                    if missing:
                        # Its rows are still read, so that they are counted.
                        reason = f"missing column {', '.join(missing)}"
                        faults.by_file.setdefault(file.file_sequence, Fault("container", reason))
                    # An empty cell is the only way in which CSV can say null.
                    optional = (record.get("quantity") or None, record.get("properties") or None)
                    rows.add(line, *(record.get(name) for name in REQUIRED), *optional, None)
                if len(rows.lines) >= _BATCH_ROWS:
                    yield rows.batch()
                    rows = _Rows(file.file_sequence)
    except delimited.MissingColumns as error:
        faults.by_file[file.file_sequence] = Fault("container", str(error))
    if rows.lines:
        yield rows.batch()


# --- Parquet ------------------------------------------------------------------------------------------------

_TEXT_TYPES = re.compile(r"VARCHAR|UUID|ENUM.*|JSON")
_WHOLE_TYPES = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)")
_DECIMAL_TYPE = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True)
class ParquetRelation:
    """Files of one shape and the query that gives `COLUMNS` from them."""

    files: tuple[LandedFile, ...]
    query: str
    # Whether any number or time still has to be read from text.
    has_text: bool


def parquet_relations(
    connection: duckdb.DuckDBPyConnection, files: Sequence[LandedFile], scratch: Path, faults: FileFaults
) -> list[ParquetRelation]:
    """Parquet files grouped by shape. A file that is no Parquet, or lacks a required column, is put into `faults`.

    Needs session zone UTC. `scratch` takes what DuckDB cannot read in place: gz, and nanosecond times, whose
    last three digits DuckDB would cut.
    """
    shapes: dict[tuple[tuple[str, str], ...], list[tuple[LandedFile, Path]]] = {}
    for file in files:
        try:
            path = _readable_parquet(file, scratch)
            described = connection.execute(f"describe select * from read_parquet({_literal(path)})").fetchall()
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            reason = f"not readable as Parquet: {str(error).splitlines()[0]}"
            faults.by_file[file.file_sequence] = Fault("container", reason)
            continue
        columns = {str(name): str(kind) for name, kind, *_ in described}
        missing = [name for name in REQUIRED if name not in columns]
        if missing:
            faults.by_file[file.file_sequence] = Fault("container", f"missing column {', '.join(missing)}")
        used = tuple((name, columns[name]) for name in (*REQUIRED, "quantity", "properties") if name in columns)
        shapes.setdefault(used, []).append((file, path))
    return [_relation(dict(shape), members) for shape, members in shapes.items()]


def _relation(columns: dict[str, str], members: list[tuple[LandedFile, Path]]) -> ParquetRelation:
    faults: list[str] = []
    texts = [_text_column(name, columns.get(name), faults) for name in REQUIRED if name != "event_time"]
    time_text, time_value = _time_columns(columns.get("event_time"), faults)
    quantity_text, quantity_value = _quantity_columns(columns.get("quantity"), faults)
    fault = f"case {' '.join(faults)} end" if faults else "cast(null as varchar)"
    paths = ", ".join(_literal(path) for _, path in members)
    # By the place of the file in the list: cheaper than a join by its name for every row.
    sequences = ", ".join(str(file.file_sequence) for file, _ in members)
    sequence = sequences if len(members) == 1 else f"[{sequences}][cast(p.file_index as bigint) + 1]"
    query = f"""
        select cast({sequence} as bigint) as file_sequence, p.file_row_number + 1 as line, {", ".join(texts)},
            {time_text} as time_text, {time_value} as time_value,
            {quantity_text} as quantity_text, {quantity_value} as quantity_value,
            {_properties_column(columns.get("properties"))} as properties, {fault} as fault
        from read_parquet([{paths}], file_row_number = true) as p"""
    has_text = columns.get("event_time") == "VARCHAR" or quantity_text != "cast(null as varchar)"
    return ParquetRelation(tuple(file for file, _ in members), query, has_text)


def _text_column(name: str, kind: str | None, faults: list[str]) -> str:
    if kind is None:
        return f"cast(null as varchar) as {name}"
    if kind == "VARCHAR":
        return f"p.{name}"
    if _TEXT_TYPES.fullmatch(kind) or _WHOLE_TYPES.fullmatch(kind):
        return f"cast(p.{name} as varchar) as {name}"
    faults.append(f"when p.{name} is not null then 'field {name} is {kind.lower()}, not a text'")
    return f"cast(null as varchar) as {name}"


def _time_columns(kind: str | None, faults: list[str]) -> tuple[str, str]:
    nothing = "cast(null as varchar)", "cast(null as timestamp)"
    if kind is None:
        return nothing
    if kind == _ZONED:
        # Not a cast, which asks the time zone library for every row.
        return "cast(null as varchar)", "make_timestamp(epoch_us(p.event_time))"
    if kind == "VARCHAR":
        return "p.event_time", _time_from_text("p.event_time")
    if kind == "BIGINT":  # nanoseconds, see _readable_parquet
        faults.append("when p.event_time % 1000 <> 0 then 'time more than 6 decimals of a second'")
        return "cast(null as varchar)", "make_timestamp(p.event_time // 1000)"
    reason = "has no zone" if kind.startswith("TIMESTAMP") else f"is {kind.lower()}, not a timestamp"
    faults.append(f"when p.event_time is not null then 'time event_time {reason}'")
    return nothing


def _quantity_columns(kind: str | None, faults: list[str]) -> tuple[str, str]:
    nothing = "cast(null as varchar)", "cast(null as decimal(38,12))"
    if kind is None or kind == '"NULL"':
        return nothing
    if kind == "VARCHAR":
        return "p.quantity", _quantity_from_text("p.quantity")
    decimals = _DECIMAL_TYPE.fullmatch(kind)
    if decimals and int(decimals[2]) <= 12 and int(decimals[1]) - int(decimals[2]) <= 26:
        return "cast(null as varchar)", "cast(p.quantity as decimal(38,12))"
    if decimals or _WHOLE_TYPES.fullmatch(kind):
        text = "cast(p.quantity as varchar)"
        return text, _quantity_from_text(text)
    faults.append(
        f"when p.quantity is not null then 'number quantity is {kind.lower()}, which holds no exact decimals'"
    )
    return nothing


def _properties_column(kind: str | None) -> str:
    """JSON text of the properties. Scalars in maps and structs become texts, exact whatever their type."""
    if kind is None or kind == '"NULL"':
        return "cast(null as varchar)"
    if _TEXT_TYPES.fullmatch(kind):
        return "cast(p.properties as varchar)"
    if kind.startswith("MAP(VARCHAR, ") and not _is_nested(kind.removeprefix("MAP(VARCHAR, ")[:-1]):
        return "cast(to_json(cast(p.properties as map(varchar, varchar))) as varchar)"
    if kind.startswith("STRUCT("):
        pairs = (
            f"{_quote(name)}, "
            + (f"p.properties.{_name(name)}" if _is_nested(inner) else f"cast(p.properties.{_name(name)} as varchar)")
            for name, inner in _struct_fields(kind)
        )
        return f"case when p.properties is not null then cast(json_object({', '.join(pairs)}) as varchar) end"
    return "cast(to_json(p.properties) as varchar)"


def _is_nested(kind: str) -> bool:
    return kind.startswith(("STRUCT(", "MAP(", "UNION(")) or kind.endswith("]")


def _struct_fields(kind: str) -> list[tuple[str, str]]:
    """Name and type of the fields of a STRUCT type as DuckDB spells it."""
    inner, fields, depth, quoted, start = kind[len("STRUCT(") : -1], [], 0, False, 0
    for position, character in enumerate(inner + ","):
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character in "([") - (character in ")]")
            if character == "," and depth == 0:
                fields.append(inner[start:position].strip())
                start = position + 1
    split = (re.fullmatch(r'("(?:[^"]|"")*"|\S+) (.*)', text, re.DOTALL) for text in fields)
    return [
        (match[1][1:-1].replace('""', '"') if match[1].startswith('"') else match[1], match[2])
        for match in split
        if match
    ]


def _readable_parquet(file: LandedFile, scratch: Path) -> Path:
    path = file.absolute
    if is_compressed(file.path):
        path = scratch / f"{file.file_sequence}.parquet"
        with open_decompressed(file.absolute, compressed=True) as stream, path.open("wb") as target:
            shutil.copyfileobj(stream, target, _BLOCK_BYTES)
    with pq.ParquetFile(path) as parquet:
        schema = parquet.schema_arrow
        position = schema.get_field_index("event_time")
        kind = schema.field(position).type if position >= 0 else None
        if kind is None or not (pa.types.is_timestamp(kind) and kind.unit == "ns" and kind.tz):
            return path
        whole = scratch / f"{file.file_sequence}.nanoseconds.parquet"
        target_schema = schema.set(position, pa.field("event_time", pa.int64())).remove_metadata()
        with pq.ParquetWriter(whole, target_schema) as writer:
            for batch in parquet.iter_batches():
                times = batch.column(position).cast(pa.int64())
                columns = [times if i == position else c for i, c in enumerate(batch.columns)]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=target_schema))
        return whole


def _time_from_text(column: str) -> str:
    return (
        f"case when regexp_full_match({column}, {_quote(_PLAIN_TIME)})"
        f" then make_timestamp(epoch_us(try_cast({column} as timestamptz))) end"
    )


def _quantity_from_text(column: str) -> str:
    return (
        f"case when regexp_full_match({column}, {_quote(_SMALL_NUMBER)})"
        f" then cast(try_cast({column} as decimal(18,12)) as decimal(38,12))"
        f" when regexp_full_match({column}, {_quote(_LARGE_NUMBER)})"
        f" then cast(try_cast({column} as decimal(18,3)) as decimal(38,12)) end"
    )


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(path: Path) -> str:
    """A path for read_parquet, which would take these characters for a pattern."""
    return _quote(re.sub(r"([\[*?])", r"[\1]", str(path)))


# --- originals ----------------------------------------------------------------------------------------------


def originals(file: LandedFile, lines: Collection[int]) -> dict[int, str]:
    """The original text (first 2,000 characters) of some lines of a file, read again for the few that need it."""
    readers: dict[str, Callable[[LandedFile, Collection[int]], dict[int, str]]] = {
        "csv": _csv_originals,
        "parquet": _parquet_originals,
    }
    return readers.get(_suffix(file), _json_originals)(file, set(lines)) if lines else {}


def _json_originals(file: LandedFile, lines: Collection[int]) -> dict[int, str]:
    with open_decompressed(file.absolute, compressed=is_compressed(file.path)) as stream:
        return {
            number: cut(line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n"))
            for number, line in enumerate(stream, 1)
            if number in lines
        }


def _csv_originals(file: LandedFile, lines: Collection[int]) -> dict[int, str]:
    """A record that spans lines is given by its first."""
    with open_text(file.absolute, compressed=is_compressed(file.path)) as stream:
        return {
            number: cut(line.rstrip("\r\n").replace("\0", "\\0"))
            for number, line in enumerate(stream, 1)
            if number in lines
        }


def _parquet_originals(file: LandedFile, lines: Collection[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    wanted = sorted(lines, reverse=True)
    with open_decompressed(file.absolute, compressed=is_compressed(file.path)) as stream:
        line = 0
        schema = pq.read_metadata(stream).schema
        paths = {schema.column(number).path for number in range(len(schema))}
        # Texts that repeat are left as their codes: half the time.
        coded = sorted(paths & {"source", "event_type", "account_id", "properties"})
        stream.seek(0)
        for batch in pq.ParquetFile(stream, read_dictionary=coded).iter_batches():
            while wanted and wanted[-1] <= line + batch.num_rows:
                number = wanted.pop()
                row = {name: _value(batch.column(name)[number - line - 1]) for name in batch.schema.names}
                found[number] = cut(json.dumps(row, default=str, ensure_ascii=False))
            line += batch.num_rows
            if not wanted:
                break
    return found


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except ValueError:  # nanoseconds, which Python's datetime cannot hold
        return str(scalar.cast(pa.string()))


def _suffix(file: LandedFile) -> str:
    return file.path.lower().removesuffix(".gz").rpartition(".")[2]
