"""Usage in bulk, for measuring: the same requests made by SQL, a Parquet file per gateway and day of delivery.

One day at a time, so that memory does not grow with the scale. Besides the requests of the day a file brings late
ones, repeats of the day before, and conflicts (a key of the day before with another quantity). No other faults.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from billing_assets.simulation.arrivals import DayOfRequests, arrival_ms_sql, spread_over_days
from billing_assets.simulation.mixing import mixed_select
from billing_assets.simulation.plans import MODELS
from billing_assets.simulation.traces import read_traces
from billing_assets.simulation.usage import LARGE_SHARE, SALTS, salted, source_of, subjects, users_on
from billing_assets.simulation.world import GATEWAYS, REGIONS, World

# Per thousand requests, as the bench promises them: 5 % exact duplicates, 1 % late, 0.1 % conflicts.
AGAIN_PER_MILLE, LATE_PER_MILLE, CONFLICT_PER_MILLE = 50, 10, 1
# Late requests come two to four days after their own day.
FIRST_LAG, LAGS = 2, 3
# Makes a conflicting quantity another one.
CONFLICT_SHIFT = 1000
# One gateway's day of 100 million events sorts within this.
MEMORY_LIMIT = "2GB"


def write_usage(landing: Path, world: World, progress: Callable[[str], None]) -> tuple[int, int]:
    """Write all usage files with their manifests; returns the number of files and of rows in them."""
    options = world.options
    days = spread_over_days(options.first_day, options.last_day, options.scale // 2)
    files = rows = 0
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as db:
        db.execute("set timezone = 'UTC'; set preserve_insertion_order = true")
        _load_trace(db)
        for sequence, day_of in enumerate(days, start=1):
            _make_requests(db, world, day_of)
            _forget_requests(db, day_of.day - timedelta(days=FIRST_LAG + LAGS))
            for gateway in sorted(GATEWAYS.values()):
                query = _file_query(gateway, day_of.day, days[0].day, days[-1].day)
                rows += _write_file(db, landing, gateway, day_of.day, query, sequence)
                files += 1
            progress(f"usage of {day_of.day.isoformat()}: {rows} events so far")
    return files, rows


def _load_trace(db: duckdb.DuckDBPyConnection) -> None:
    trace = read_traces()
    table = pa.table(
        {
            "n": pa.array(range(len(trace)), pa.int64()),
            "endpoint": [request.endpoint for request in trace],
            "input_tokens": pa.array([request.input_tokens for request in trace], pa.int64()),
            "output_tokens": pa.array([request.output_tokens for request in trace], pa.int64()),
        }
    )
    db.register("trace_arrow", table)
    db.execute("create temp table trace as select * from trace_arrow")
    db.unregister("trace_arrow")


def _table(day: date) -> str:
    return f"requests_{day:%Y%m%d}"


def _forget_requests(db: duckdb.DuckDBPyConnection, day: date) -> None:
    """Drop the requests of a day that no further file brings."""
    db.execute(f"drop table if exists {_table(day)}")


def _make_requests(db: duckdb.DuckDBPyConnection, world: World, day_of: DayOfRequests) -> None:
    """The table of one UTC day's requests, with what is decided about each of them."""
    users = users_on(world, day_of.day)
    slots = sum(account.weight for account in users)
    columns: dict[str, list[object]] = {"slot": [], "gateway": [], "subjects": [], "regions": []}
    for account in users:
        for _ in range(account.weight):
            columns["slot"].append(len(columns["slot"]))
            columns["gateway"].append(GATEWAYS[account.selling_entity])
            columns["subjects"].append(subjects(account))
            columns["regions"].append(list(REGIONS[account.selling_entity]))
    db.register("users", pa.table(columns))
    requests = f"select range as k, range % {trace_length(db)} as n from range({day_of.first}, {day_of.end})"
    drawn = mixed_select(requests, "k", {f"{name}_draw": salted(world, name) for name in SALTS})
    ms = arrival_ms_sql(f"k - {day_of.first}", str(day_of.end - day_of.first))
    midnight = f"timestamptz '{day_of.day.isoformat()} 00:00:00+00'"
    db.execute(f"""
    create temp table {_table(day_of.day)} as
    with drawn as ({drawn})
    select
        k,
        users.gateway,
        'r' || lpad(k::varchar, 9, '0') as request_id,
        users.subjects[(subject_draw % len(users.subjects) + 1)::bigint] as account_id,
        {midnight} + to_milliseconds({ms}) as event_time,
        trace.input_tokens,
        trace.output_tokens,
        '{{"model":"' || if(model_draw % 100 < {LARGE_SHARE}, '{MODELS[0]}', '{MODELS[1]}')
            || '","region":"' || users.regions[(region_draw % 2 + 1)::bigint]
            || '","endpoint":"' || trace.endpoint || '"}}' as properties,
        if(late_draw % 1000 < {LATE_PER_MILLE}, {FIRST_LAG} + lag_draw % {LAGS}, 0)::bigint as days_late,
        again_draw % 1000 as again
    from drawn
    inner join users on drawn.account_draw % {max(slots, 1)} = users.slot
    inner join trace on drawn.n = trace.n""")
    db.unregister("users")


def trace_length(db: duckdb.DuckDBPyConnection) -> int:
    row = db.execute("select count(*) from trace").fetchone()
    return int(row[0]) if row else 0


def _file_query(gateway: str, day: date, first_day: date, last_day: date) -> str:
    """The rows of one file, in their order: the day's own, late ones, repeats of the day before, conflicts."""

    def part(number: int, age: int, condition: str) -> str:
        of = day - timedelta(days=age)
        # Requests that would come after the last day come on time.
        on_time = f"(days_late = 0 or days_late > {(last_day - of).days})"
        return (
            f"select {number} as part, * from {_table(of)} "
            f"where gateway = '{gateway}' and {condition.format(on_time=on_time)}"
        )

    parts = [part(0, 0, "{on_time}")]
    ages = range(FIRST_LAG, FIRST_LAG + LAGS)
    parts += [part(1, age, f"days_late = {age}") for age in ages if day - timedelta(days=age) >= first_day]
    if day > first_day:
        parts.append(part(2, 1, f"{{on_time}} and again < {AGAIN_PER_MILLE}"))
        most = AGAIN_PER_MILLE + CONFLICT_PER_MILLE
        parts.append(part(3, 1, f"{{on_time}} and again >= {AGAIN_PER_MILLE} and again < {most}"))
    shift = f"if(part = 3, {CONFLICT_SHIFT}, 0)"
    return f"""
    with requests as ({" union all ".join(parts)}),
    events as (
        select part, k, 0 as n, request_id || '-i' as event_id, 'tokens.input' as event_type, account_id, event_time,
            input_tokens + {shift} as quantity, properties from requests
        union all
        select part, k, 1, request_id || '-o', 'tokens.output', account_id, event_time,
            output_tokens + {shift}, properties from requests
    )
    select event_id, '{source_of(gateway)}' as source, event_type, account_id, event_time,
        quantity::decimal(20, 2) as quantity, properties
    from events order by part, k, n"""


def _write_file(
    db: duckdb.DuckDBPyConnection, landing: Path, gateway: str, day: date, query: str, sequence: int
) -> int:
    """Write one Parquet file and its manifest; returns its rows."""
    target = landing / "usage" / gateway / f"{day:%Y-%m}" / f"{gateway}-{day.isoformat()}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    db.execute(f"copy ({query}) to '{str(target).replace(chr(39), chr(39) * 2)}' (format parquet, compression zstd)")
    totals = db.execute(
        "select count(*), sum(quantity), min(event_time)::timestamp, max(event_time)::timestamp from read_parquet(?)",
        [str(target)],
    ).fetchone()
    if totals is None:
        raise AssertionError("a total has one row")
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = {
        "records": totals[0],
        "quantity": str(totals[1]),
        "min_time": totals[2].isoformat(timespec="milliseconds") + "Z",
        "max_time": totals[3].isoformat(timespec="milliseconds") + "Z",
        "sha256": digest,
        "producer": gateway,
        "sequence": sequence,
    }
    text = json.dumps(manifest, indent=1) + "\n"
    target.with_name(target.name + ".manifest.json").write_text(text, encoding="utf-8", newline="\n")
    return int(totals[0])
