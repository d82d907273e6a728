"""Roll-ups: mergeable partials of every aggregation, by UTC bucket x series (account, meter, dimensions, measure).

A batch appends the partials of its own events, whatever dates they are of: what earlier batches wrote is neither
read nor written again, and the view raw_metering.usage_buckets merges. When contracts ask for more than the roll-ups
of a meter (or the buckets of an account) keep, exactly those are built again from the lake. Prices and periods do not
exist here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from billing_assets.metering import properties
from billing_assets.metering.events import FEW
from billing_assets.metering.lake import Lake, LakePart
from billing_assets.metering.rules import CONTRACT_PROPERTY, LATEST, LEVEL, QUANTITY, MeterRules

# Events aggregated by one statement: bounds the memory of a large landing (about 1 GB), whole dates together.
_CHUNK_EVENTS = 2_000_000

_SERIES = "account_id, meter, dimensions, measure"
_UNIQUE_COLUMNS = "bucket_from, bucket_to, account_id, meter, dimensions, property, value"


@dataclass(frozen=True)
class Rebuild:
    """Meters and accounts whose roll-ups do not keep what the contracts now ask for."""

    meters: frozenset[str]
    accounts: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.meters or self.accounts)

    def condition(self, meter: str, account: str) -> str:
        """SQL condition over the named columns, with the tables `rebuilt_meters` and `rebuilt_accounts`."""
        return (
            f"({meter} in (select meter from rebuilt_meters) or {account} in (select account_id from rebuilt_accounts))"
        )


def register_rules(connection: duckdb.DuckDBPyConnection, rules: MeterRules) -> Rebuild:
    """Write what roll-ups now keep to raw_metering, and tell what must be built again for it."""
    changed: set[str] = set()
    for table, wanted, always in (
        ("dimensions", rules.dimensions, CONTRACT_PROPERTY),
        ("measures", rules.measures, QUANTITY),
        ("extras", rules.extras, None),
    ):
        kept = set(connection.execute(f"from raw_metering.{table}").fetchall())
        added = sorted(wanted - kept)
        if added:
            connection.executemany(f"insert into raw_metering.{table} values (?, ?)", added)
        changed |= {meter for meter, name in added if name != always}
    known = _texts(connection, "select distinct meter from raw_metering.usage_series") if changed else set()
    accounts = set()
    if rules.quarter_hour_accounts:
        accounts = _texts(
            connection,
            "select distinct account_id from raw_metering.usage_series"
            " where bucket_length > interval 15 minutes and list_contains(?, account_id)",
            [sorted(rules.quarter_hour_accounts)],
        )
    return Rebuild(frozenset(changed & known), frozenset(accounts))


def roll_up(
    connection: duckdb.DuckDBPyConnection,
    bench: duckdb.DuckDBPyConnection,
    lake: Lake,
    written: Sequence[LakePart],
    rules: MeterRules,
    rebuild: Rebuild,
    batch: int,
) -> None:
    """Bring raw_metering.usage_buckets and unique_values up to the batch whose events are in `events`."""
    _create_tables(connection, bench, rules, rebuild)
    own = "select * from events"
    if rebuild:
        own += f" where not {rebuild.condition('event_type', 'account_id')}"
    for chunk in _chunks(written):
        first, last = chunk[0].event_date, chunk[-1].event_date
        events = f"from ({own}) where event_date between date '{first}' and date '{last}'"
        _add_partials(connection, bench, events, rules, batch)
    _append(connection, bench)
    if rebuild:
        _forget(connection, rebuild)
        _create_tables(connection, bench, rules, rebuild)
        for chunk in _chunks(sorted([*lake.parts, *written])):
            events = f"from ({lake.query(chunk)}) where {rebuild.condition('event_type', 'account_id')}"
            _add_partials(connection, bench, events, rules, batch)
        _append(connection, bench)


def _forget(connection: duckdb.DuckDBPyConnection, rebuild: Rebuild) -> None:
    """Delete the roll-ups that are built again."""
    named = "list_contains($meters, meter) or list_contains($accounts, account_id)"
    names = {"meters": sorted(rebuild.meters), "accounts": sorted(rebuild.accounts)}
    for table in ("usage_partials", "usage_extras"):
        connection.execute(
            f"delete from raw_metering.{table} where series_id in ("
            f"select series_id from raw_metering.usage_series where {named})",
            names,
        )
    for table in ("usage_series", "unique_values"):
        connection.execute(f"delete from raw_metering.{table} where {named}", names)


def _chunks(parts: Sequence[LakePart]) -> Iterator[list[LakePart]]:
    """Parts in date order, whole dates together (a bucket never spans two chunks)."""
    chunk: list[LakePart] = []
    for part in parts:
        if chunk and part.event_date != chunk[-1].event_date and sum(p.rows for p in chunk) > _CHUNK_EVENTS:
            yield chunk
            chunk = []
        chunk.append(part)
    if chunk:
        yield chunk


def _create_tables(
    connection: duckdb.DuckDBPyConnection, bench: duckdb.DuckDBPyConnection, rules: MeterRules, rebuild: Rebuild
) -> None:
    bench.register("incoming", connection.execute("from raw_metering.usage_series").to_arrow_table())
    bench.execute("create or replace table series as from incoming")
    bench.unregister("incoming")
    bench.execute(
        """
        create or replace table unique_partials (
            bucket_from timestamp, bucket_to timestamp, account_id varchar, meter varchar, dimensions varchar,
            property varchar, value varchar)
        """
    )
    if rules.quarter_hour_accounts:
        _fill(bench, "quarter_hour_accounts", {"account_id": sorted(rules.quarter_hour_accounts)})
    if rebuild:
        _fill(bench, "rebuilt_meters", {"meter": sorted(rebuild.meters)})
        _fill(bench, "rebuilt_accounts", {"account_id": sorted(rebuild.accounts)})


def _add_partials(
    connection: duckdb.DuckDBPyConnection, bench: duckdb.DuckDBPyConnection, events: str, rules: MeterRules, batch: int
) -> None:
    """Aggregate a relation of events. Each pair of meter and properties is looked at once, outside SQL."""
    bench.execute(f"create or replace table pairs as select distinct event_type, properties {events}")
    pairs = bench.execute("from pairs").fetchall()
    kept = {meter: rules.dimensions_of(meter) for meter, _ in pairs}
    dimensions = [properties.dimensions_text(properties.texts_of(text), kept[meter]) for meter, text in pairs]
    _fill(bench, "shape_texts", {"dimensions": dimensions})
    # Few dimensions are grouped as codes, at half the cost of their texts.
    kind = "varchar"
    bench.execute("drop table if exists shapes; drop type if exists coded_dimensions")
    if 0 < len(set(dimensions)) <= FEW:
        kind = "coded_dimensions"
        bench.execute(f"create type {kind} as enum (select distinct dimensions from shape_texts order by 1)")
    bench.execute(
        f"create table shapes as select pairs.*, cast(dimensions as {kind}) as dimensions"
        " from pairs positional join shape_texts"
    )
    _add(connection, bench, _partials_query(events, rules, repr(QUANTITY), "events.quantity", ""), rules, batch)
    found = list(properties.readings(pairs, rules))
    if found:
        _fill(
            bench,
            "readings",
            {
                "event_type": [meter for meter, *_ in found],
                "properties": [text for _, text, *_ in found],
                "measure": [measure for _, _, measure, _ in found],
            },
            value=pa.array([value for *_, value in found], pa.decimal128(38, 12)),
        )
        join = "join readings using (event_type, properties)"
        query = _partials_query(events, rules, "readings.measure", "readings.value", join)
        _add(connection, bench, query, rules, batch)
    unique = [
        (meter, text, name, value)
        for meter, text in pairs
        if rules.unique_of(meter)
        for name, value in properties.texts_of(text).items()
        if name in rules.unique_of(meter)
    ]
    if unique:
        names = ("event_type", "properties", "property", "value")
        _fill(bench, "unique_texts", dict(zip(names, map(list, zip(*unique, strict=True)), strict=True)))
        bench.execute(
            f"""
            insert into unique_partials
            select distinct
                {_bucket_from(rules)} as bucket_from, {_bucket_from(rules)} + {_bucket_length(rules)} as bucket_to,
                events.account_id, event_type as meter, shapes.dimensions,
                unique_texts.property, unique_texts.value
            from (select * {events}) as events
            join shapes using (event_type, properties)
            join unique_texts using (event_type, properties)
            """
        )


def _add(
    connection: duckdb.DuckDBPyConnection, bench: duckdb.DuckDBPyConnection, query: str, rules: MeterRules, batch: int
) -> None:
    """Append grouped events to the warehouse under the number of their series, in order. New series are numbered."""
    bench.execute(f"create or replace table grouped as {query}")
    bench.execute(
        f"""
        create or replace table numbered as
        with found as (select distinct {_SERIES} from grouped)
        select
            found.*, series.series_id is null as is_new,
            cast(coalesce(
                series.series_id,
                (select coalesce(max(series_id), 0) from series)
                    + row_number() over (
                        partition by series.series_id is null
                        order by [found.account_id, found.meter, found.dimensions, found.measure])
            ) as integer) as series_id
        from found
        left join series using ({_SERIES})
        """
    )
    bench.execute(
        f"""
        insert into series by name
        select series_id, {_SERIES}, {_bucket_length(rules)} as bucket_length from numbered where is_new
        """
    )
    columns = "bucket_from, series_id, event_count, quantity_sum, quantity_max, quantity_min"
    numbered = f"from grouped join numbered using ({_SERIES})"
    in_order = "order by bucket_from, series_id"
    partials = bench.execute(f"select {columns}, {batch}::integer as batch {numbered} {in_order}")
    _insert(connection, "usage_partials", partials.to_arrow_table())
    meters = sorted({*rules.meters_with(LATEST), *rules.meters_with(LEVEL)})
    if meters:
        extras = bench.execute(
            f"""
            select
                bucket_from, series_id, latest.moment as latest_at, latest.source as latest_source,
                latest.event_id as latest_event_id, latest.quantity as latest_quantity, level_seconds
            {numbered}
            where meter in ({_literals(meters)})
            {in_order}
            """
        )
        _insert(connection, "usage_extras", extras.to_arrow_table())


_BY_QUARTER = "account_id in (select account_id from quarter_hour_accounts)"


def _bucket_from(rules: MeterRules) -> str:
    hour, quarter = "time_bucket(interval 1 hour, event_time)", "time_bucket(interval 15 minutes, event_time)"
    return f"case when {_BY_QUARTER} then {quarter} else {hour} end" if rules.quarter_hour_accounts else hour


def _bucket_length(rules: MeterRules) -> str:
    hour, quarter = "interval 1 hour", "interval 15 minutes"
    return f"case when {_BY_QUARTER} then {quarter} else {hour} end" if rules.quarter_hour_accounts else hour


def _partials_query(events: str, rules: MeterRules, measure: str, value: str, join: str) -> str:
    """Latest = by event time, then source, then event id. A second that has begun counts as elapsed from its start."""
    latest = _where_kept(
        rules,
        LATEST,
        "max({'moment': event_time, 'source': source, 'event_id': event_id, 'quantity': quantity})",
        "{'moment': null, 'source': null, 'event_id': null, 'quantity': null}",
    )
    level = _where_kept(
        rules, LEVEL, "sum(quantity * cast(date_diff('second', event_time, bucket_to) as integer))", "null"
    )
    # What the other keys decide (the end of the bucket) or what is one constant is not grouped by.
    keys = "bucket_from, account_id, meter, dimensions" + (", measure" if join else "")
    return f"""
        with metered as (
            select
                {_bucket_from(rules)} as bucket_from, {_bucket_from(rules)} + {_bucket_length(rules)} as bucket_to,
                events.account_id, event_type as meter, shapes.dimensions, {measure} as measure,
                events.event_time, events.source, events.event_id, {value} as quantity
            from (select * {events}) as events
            join shapes using (event_type, properties)
            {join}
        )
        select
            {keys}, {"" if join else f"{measure} as measure,"}
            count(*) as event_count, sum(quantity) as quantity_sum, max(quantity) as quantity_max,
            min(quantity) as quantity_min, {latest} as latest, {level} as level_seconds
        from metered
        group by {keys}"""


def _where_kept(rules: MeterRules, extra: str, aggregate: str, otherwise: str) -> str:
    meters = rules.meters_with(extra)
    return f"{aggregate} filter (where meter in ({_literals(meters)}))" if meters else otherwise


def _literals(texts: Sequence[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def _append(connection: duckdb.DuckDBPyConnection, bench: duckdb.DuckDBPyConnection) -> None:
    """Append new series and unique values to the warehouse."""
    last = connection.execute("select coalesce(max(series_id), 0) from raw_metering.usage_series").fetchall()[0][0]
    series = bench.execute(f"from series where series_id > {last} order by series_id").to_arrow_table()
    _insert(connection, "usage_series", series)
    unique = bench.execute("from unique_partials").to_arrow_table()
    if unique.num_rows:
        connection.register("incoming", unique)
        # The span lets DuckDB skip the storage of hours that the batch did not touch.
        connection.execute(
            f"""
            insert into raw_metering.unique_values by name
            select {_UNIQUE_COLUMNS} from incoming
            anti join (
                from raw_metering.unique_values
                where bucket_from between (select min(bucket_from) from incoming)
                    and (select max(bucket_from) from incoming)
            ) using ({_UNIQUE_COLUMNS})
            order by all
            """
        )
        connection.unregister("incoming")


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    if rows.num_rows:
        connection.register("incoming", rows)
        connection.execute(f"insert into raw_metering.{table} by name from incoming")
        connection.unregister("incoming")


def _fill(
    bench: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[str]], value: pa.Array | None = None
) -> None:
    arrays = {column: pa.array(texts, pa.string()) for column, texts in columns.items()}
    if value is not None:
        arrays["value"] = value
    bench.register("incoming", pa.table(arrays))
    bench.execute(f"create or replace table {name} as select * from incoming")
    bench.unregister("incoming")


def _texts(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[object] | None = None) -> set[str]:
    return {row[0] for row in connection.execute(query, parameters or []).fetchall()}
