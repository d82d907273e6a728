"""Landed usage as typed events with their faults: one set-based judgement for every format.

Reads files through `landing.usage` into the table `events` of the workbench. A row's own faults are found here;
what needs other rows (duplicates, conflicts, corrections) belongs to `dedupe`, whole files to `meter`.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from billing_assets.landing import usage
from billing_assets.landing.files import LandedFile, Progress
from billing_assets.landing.numbers import LIMIT, parse_decimal
from billing_assets.landing.quarantine import Fault
from billing_assets.landing.times import FIRST_YEAR, LAST_YEAR, parse_timestamp
from billing_assets.metering import properties
from billing_assets.metering.rules import MeterRules

# Files are taken in groups of about this size, so that many small files cost few statements and a large landing
# never stands in memory twice.
_GROUP_BYTES = 256 << 20

# Texts that repeat: kept as codes (a DuckDB enum) while a batch has few of them, which halves the cost of grouping
# and writing them. More than this is kept as text: the list of codes goes into every row group of the lake.
_CODED = ("source", "event_type", "account_id", "properties")
FEW = 16_384
# The columns of `events` with every code as its text, for tables that also take rows from elsewhere.
AS_TEXT = f"* replace ({', '.join(f'cast({name} as varchar) as {name}' for name in _CODED)})"

_TABLES = """
create table events (
    file_sequence bigint, line bigint, event_id varchar, source {source}, event_type {event_type},
    account_id {account_id}, event_time timestamp, event_date date, quantity decimal(38,12), properties {properties},
    corrects varchar,    -- the event id that a negative quantity must find accepted; null where none is needed
    key ubigint,         -- hash of the idempotency key (source, event_id)
    fault varchar);      -- 'code reason'
"""
# What reading a damaged page raises.
_DAMAGED = (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException)


def read_events(
    bench: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    rules: MeterRules,
    *,
    as_of: date,
    future_tolerance: timedelta,
    scratch: Path,
    progress: Progress,
) -> dict[int, Fault]:
    """Fill `events` from files, in register order. Returns the files that cannot be taken as a whole."""
    latest = datetime.combine(as_of + timedelta(days=1), time()) + future_tolerance
    faults = usage.FileFaults()
    bench.execute("create temp table texts (name varchar, text varchar)")
    relations: list[usage.ParquetRelation] = []
    has_staged = False
    for group in _groups(files):
        progress(f"usage: reading {len(group)} files from {group[0].path}")
        text_files = [file for file in group if not usage.is_parquet(file)]
        if text_files:
            reader = usage.text_batches(text_files, faults)
            bench.register("reader", reader)
            into = "insert into staged" if has_staged else "create temp table staged as"
            bench.execute(f"{into} {usage.text_relation('reader')}")
            bench.unregister("reader")
            has_staged = True
        parquet_files = [file for file in group if usage.is_parquet(file)]
        for relation in usage.parquet_relations(bench, parquet_files, scratch, faults):
            relations += _readable(bench, relation, scratch, faults)
    if has_staged:
        _collect_texts(bench, "select * from staged")
    is_read = _create_events(bench)
    if has_staged:
        _judge(bench, "select * from staged", rules, latest, has_text=True, is_read=is_read)
        bench.execute("drop table staged")
    for relation in relations:
        _read_parquet(bench, relation, rules, latest, scratch, faults, is_read=is_read)
    _refuse_unreadable_properties(bench, rules)
    return faults.by_file


def _groups(files: Sequence[LandedFile]) -> Iterator[list[LandedFile]]:
    group: list[LandedFile] = []
    size = 0
    for file in sorted(files, key=lambda f: f.file_sequence):
        if group and size + file.size_bytes > _GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if group:
        yield group


def _readable(
    bench: duckdb.DuckDBPyConnection, relation: usage.ParquetRelation, scratch: Path, faults: usage.FileFaults
) -> list[usage.ParquetRelation]:
    """Collect the texts of a relation. Returns it, or without the files in which a damaged page showed."""
    try:
        _collect_texts(bench, relation.query)
    except _DAMAGED as error:
        return [
            sound
            for alone in _one_by_one(bench, relation, error, scratch, faults)
            for sound in _readable(bench, alone, scratch, faults)
        ]
    return [relation]


def _read_parquet(
    bench: duckdb.DuckDBPyConnection,
    relation: usage.ParquetRelation,
    rules: MeterRules,
    latest: datetime,
    scratch: Path,
    faults: usage.FileFaults,
    *,
    is_read: bool,
) -> None:
    try:
        _judge(bench, relation.query, rules, latest, has_text=relation.has_text, is_read=is_read)
    except _DAMAGED as error:
        for alone in _one_by_one(bench, relation, error, scratch, faults):
            _read_parquet(bench, alone, rules, latest, scratch, faults, is_read=is_read)


def _one_by_one(
    bench: duckdb.DuckDBPyConnection,
    relation: usage.ParquetRelation,
    error: duckdb.Error,
    scratch: Path,
    faults: usage.FileFaults,
) -> list[usage.ParquetRelation]:
    """A damaged page shows only when it is read: then the files are read one by one to find whose it is."""
    if len(relation.files) > 1:
        return [alone for file in relation.files for alone in usage.parquet_relations(bench, [file], scratch, faults)]
    reason = f"not readable as Parquet: {str(error).splitlines()[0]}"
    faults.by_file[relation.files[0].file_sequence] = Fault("container", reason)
    return []


def _collect_texts(bench: duckdb.DuckDBPyConnection, query: str) -> None:
    """Add the distinct texts of the coded columns to `texts`, of each no more than tell that they are not few."""
    texts = " union all ".join(
        f"(select '{name}', {name} from (select distinct {name} from ({query})) limit {FEW + 1})" for name in _CODED
    )
    bench.execute(f"insert into texts {texts}")


def _create_events(bench: duckdb.DuckDBPyConnection) -> bool:
    """Create `events`, columns of few texts coded. Returns whether `property_texts` holds all properties."""
    counts: dict[str, int] = dict(
        bench.execute("select name, count(distinct text) from texts group by name").fetchall()
    )
    is_read = counts.get("properties", 0) <= FEW
    codes = {
        name: f"select distinct text from texts where name = '{name}' and text is not null order by text"
        for name in _CODED
        if 0 < counts.get(name, 0) <= FEW
    }
    if is_read:
        # The null stands for events without properties.
        _read_properties(bench, "select text as properties from texts where name = 'properties' union select null")
        codes["properties"] = "select distinct canonical from property_texts where canonical is not null order by 1"
    for name, query in codes.items():
        bench.execute(f"create type coded_{name} as enum ({query})")
    types = {name: f"coded_{name}" if name in codes else "varchar" for name in _CODED}
    bench.execute(_TABLES.format(**types))
    bench.execute("drop table texts")
    return is_read


def _judge(
    bench: duckdb.DuckDBPyConnection,
    query: str,
    rules: MeterRules,
    latest: datetime,
    *,
    has_text: bool,
    is_read: bool,
) -> None:
    """Append the rows of a relation (`usage.COLUMNS`) to `events`. All or nothing: it is one statement."""
    if not is_read:
        _read_properties(bench, query)
    property_columns = "property_texts.canonical, property_texts.corrects, property_texts.fault"
    property_join = f"left join property_texts on property_texts.text = coalesce(r.properties, '{properties.EMPTY}')"
    is_plain = "select coalesce(bool_and(canonical = text and corrects is null and fault is null), true)"
    if bench.execute(f"{is_plain} from property_texts").fetchall() == [(True,)]:
        # Every text is canonical as it is written, and says nothing of corrections: nothing to look up row by row.
        property_columns = f"coalesce(r.properties, '{properties.EMPTY}'), cast(null as varchar), cast(null as varchar)"
        property_join = ""
    time_value, time_reason = "r.time_value", "null"
    quantity_value, quantity_reason = "r.quantity_value", "null"
    joins = ""
    if has_text and _read_odd_texts(bench, query):
        time_value, time_reason = "coalesce(r.time_value, odd_times.value)", "odd_times.reason"
        quantity_value, quantity_reason = "coalesce(r.quantity_value, odd_quantities.value)", "odd_quantities.reason"
        joins = """
            left join odd_times on odd_times.text = r.time_text
            left join odd_quantities on odd_quantities.text = r.quantity_text"""
    blank = " when ".join(
        f"{_is_blank('r.' + name)} then 'field {flat} is missing'"
        for name, flat in (("event_id", "id"), ("source", "source"), ("event_type", "type"), ("account_id", "account"))
    )
    is_level = _is_one_of("r.event_type", rules.level_meters)
    bench.execute(
        f"""
        insert into events
        with typed (
            {", ".join(usage.COLUMNS)}, event_time, quantity, time_reason, quantity_reason,
            canonical, property_corrects, properties_fault
        ) as (
            select
                r.*,
                {time_value} as event_time,
                case
                    when r.quantity_text is not null or r.quantity_value is not null then {quantity_value}
                    when not coalesce(regexp_matches(r.fault, '^(json|csv|number) '), false)
                        then cast(1 as decimal(38,12))
                end as quantity,
                {time_reason} as time_reason,
                {quantity_reason} as quantity_reason,
                {property_columns}
            from ({query}) as r
            {property_join}
            {joins}
        )
        select
            r.file_sequence, r.line, r.event_id, r.source, r.event_type, r.account_id,
            r.event_time, cast(r.event_time as date) as event_date, r.quantity, r.canonical as properties,
            case when r.quantity < 0 then case when not {is_level} then r.property_corrects end end as corrects,
            hash(r.source, r.event_id) as key,
            case
                when r.fault is not null then r.fault
                when {blank}
                when r.event_time is null then coalesce('time ' || r.time_reason, 'field time is missing')
                when r.event_time < timestamp '{FIRST_YEAR}-01-01' or r.event_time >= timestamp '{LAST_YEAR + 1}-01-01'
                    then 'time outside the years {FIRST_YEAR}-{LAST_YEAR}'
                when r.quantity is null then 'number quantity: ' || r.quantity_reason
                when abs(r.quantity) >= cast({LIMIT:f} as decimal(38,12))
                    then 'number quantity is out of range: its size is 10^15 or more'
                when r.properties_fault is not null then r.properties_fault
                when r.event_time > $latest
                    then 'future ' || r.event_time || ' UTC is later than ' || $latest || ' UTC'
                when r.quantity_text is null and r.quantity_value is null then
                    case
                        when {_is_one_of("r.event_type", rules.quantity_required)}
                            then 'quantity_missing a charge on ' || r.event_type || ' reads the quantity'
                    end
                when r.quantity < 0 then
                    case
                        when {is_level} then null
                        when {_is_one_of("r.event_type", rules.refuses_negative)}
                            then 'correction a charge on ' || r.event_type || ' does not sum: nothing can be taken back'
                        when r.property_corrects is null
                            then 'correction the negative quantity names no event to correct'
                    end
            end as fault
        from typed as r
        """,
        {"latest": latest},
    )


def _is_one_of(column: str, values: Collection[str]) -> str:
    texts = ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
    return f"coalesce({column} in ({texts}), false)" if texts else "false"


def _is_blank(column: str) -> str:
    # A blank text sorts before '!': only such texts are looked at more closely. A case, because SQL's `and` looks
    # at both of its sides for every row.
    return f"case when {column} >= '!' then false else coalesce(regexp_full_match({column}, '\\s*'), true) end"


def _read_odd_texts(bench: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Times and quantities that SQL did not read are read by landing's own definition, each text once.

    Returns whether there are any.
    """
    times = _texts(bench, f"select distinct time_text from ({query}) where time_value is null")
    quantities = _texts(bench, f"select distinct quantity_text from ({query}) where quantity_value is null")
    if not times and not quantities:
        return False
    read_times = [parse_timestamp(text) for text in times]
    read_quantities = [parse_decimal(text) for text in quantities]
    _replace(
        bench,
        "odd_times",
        {
            "text": pa.array(times, pa.string()),
            "value": pa.array(
                [None if isinstance(t, str) else t.replace(tzinfo=None) for t in read_times], pa.timestamp("us")
            ),
            "reason": pa.array([t if isinstance(t, str) else None for t in read_times], pa.string()),
        },
    )
    _replace(
        bench,
        "odd_quantities",
        {
            "text": pa.array(quantities, pa.string()),
            "value": pa.array([None if isinstance(q, str) else q for q in read_quantities], pa.decimal128(38, 12)),
            "reason": pa.array([q if isinstance(q, str) else None for q in read_quantities], pa.string()),
        },
    )
    return True


def _read_properties(bench: duckdb.DuckDBPyConnection, query: str) -> None:
    texts = _texts(bench, f"select distinct coalesce(properties, '{properties.EMPTY}') from ({query})")
    read = [properties.canonical(text) for text in texts]
    corrects = [properties.texts_of(canonical).get("corrects") if canonical else None for canonical, _ in read]
    _replace(
        bench,
        "property_texts",
        {
            "text": pa.array(texts, pa.string()),
            "canonical": pa.array([canonical for canonical, _ in read], pa.string()),
            "corrects": pa.array(corrects, pa.string()),
            "fault": pa.array([fault for _, fault in read], pa.string()),
        },
    )


def _refuse_unreadable_properties(bench: duckdb.DuckDBPyConnection, rules: MeterRules) -> None:
    """A property that a landed charge aggregates must be a number where it is present."""
    meters = sorted({meter for meter, _ in rules.measures if rules.readings_of(meter)})
    if not meters:
        return
    pairs = bench.execute(
        "select distinct event_type, properties from events"
        " where fault is null and list_contains(?, cast(event_type as varchar))",
        [meters],
    ).fetchall()
    refused = [
        (meter, text, f"number {reason}")
        for meter, text in pairs
        if (reason := properties.unreadable(properties.texts_of(text), rules.readings_of(meter)))
    ]
    if refused:
        bench.execute("create or replace temp table refused (meter varchar, text varchar, fault varchar)")
        bench.executemany("insert into refused values (?, ?, ?)", refused)
        bench.execute(
            "update events set fault = refused.fault from refused"
            " where events.fault is null and events.event_type = refused.meter and events.properties = refused.text"
        )


def _texts(bench: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    column = bench.execute(query).to_arrow_table().column(0)
    return [text for text in column.to_pylist() if text is not None]


def _replace(bench: duckdb.DuckDBPyConnection, name: str, columns: dict[str, pa.Array]) -> None:
    bench.register("incoming", pa.table(columns))
    bench.execute(f"create or replace temp table {name} as select * from incoming")
    bench.unregister("incoming")
