"""How fast usage is landed, deduplicated and rolled up: a month of nightly batches, from Parquet and JSON Lines.

    .venv/bin/python -m bench.metering --events 10000000

The month is made here (deterministic: 5% exact duplicates, a fifth of them a night later; 1% late by up to a week;
0.1% conflicts, half of them on another date). Each format runs in a process of its own so that peak memory is its own.
Where other programs share the machine, CPU seconds tell more than the clock: the load average is printed with them.
"""

import multiprocessing
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import duckdb

from billing_assets.landing import tables
from billing_assets.landing.files import LandedFile
from billing_assets.metering import dedupe
from billing_assets.metering.meter import meter_batch

FIRST_DAY = date(2026, 3, 1)
DAYS = 30
# Shares of all rows, as issue and design ask for them.
DUPLICATE_SHARE, LATE_SHARE, CONFLICT_SHARE = 0.05, 0.01, 0.001
# What the design asks for, of Parquet on two cores; late nights as early ones, give or take what a machine wavers.
AIM_EVENTS_A_SECOND, AIM_CORES, AIM_PEAK_GB, AIM_NIGHTS = 600_000, 2, 4, 1.1
ACCOUNTS = 200
METERS = 3

# An event as a function of the night it was made for and its number in that night: repeated, it is the same.
EVENT_MACRO = f"""
create macro event(night, number, fresh) as {{
    'event_id': md5(night || '-' || number),
    'source': 'gateway-' || (number % 4),
    'event_type': 'tokens.' || (number % {METERS}),
    'account_id': 'A-' || account(number),
    'event_time':
        timestamp '{FIRST_DAY}' + to_days(cast(night as integer))
        + to_microseconds(cast(number * (86400000000 // fresh) as bigint))
        - to_days(cast(
            case when night >= 7 and number >= fresh * {1 - LATE_SHARE} then 1 + hash(number) % 7 else 0 end
            as integer)),
    'quantity': cast(hash(night, number) % 4000000 / 1000 as decimal(18,3)),
    'model': 'model-' || ((account(number) + number // {METERS} % 3) % 8),
    'region': 'region-' || (account(number) % 4)
}};
"""
# Few large accounts and many small ones: the cube of an even spread.
ACCOUNT_MACRO = (
    f"create macro account(number) as cast({ACCOUNTS} * pow(hash(number, 'a') % 10000 / 10000, 3) as bigint)"
)


@dataclass(frozen=True)
class Result:
    """What one run over the month measured."""

    rows: int
    seconds: list[float]  # a night, as all lists here
    cpu_seconds: list[float]
    look_back: list[float]  # CPU seconds, part of `cpu_seconds`
    scan_seconds: float
    peak_bytes: int


def generate(folder: Path, events: int, threads: int) -> None:
    """Write DAYS nightly files in both formats."""
    connection = duckdb.connect(config={"threads": str(threads), "memory_limit": "2GB"})
    connection.execute(ACCOUNT_MACRO)
    connection.execute(EVENT_MACRO)
    rows = events // DAYS
    same_night = int(rows * DUPLICATE_SHARE * 0.8)
    night_later = int(rows * DUPLICATE_SHARE * 0.2)
    conflicts = max(2, int(rows * CONFLICT_SHARE))
    fresh = rows - same_night - night_later - conflicts
    for night in range(DAYS):
        before = max(night - 1, 0)
        connection.execute(
            f"""
            create or replace table night as
            select unnest(e), i as place from (
                select event({night}, i, {fresh}) as e, i from range({fresh}) t(i)
                union all
                select event({night}, i * 7, {fresh}) as e, i * 7 + 5000 as i from range({same_night}) t(i)
                union all
                select event({before}, i * 11, {fresh}) as e, i * 11 as i from range({night_later}) t(i)
                union all
                select
                    struct_update(
                        event(if(i % 2 = 0, {night}, {before}), i * 13 + 1, {fresh}),
                        quantity := 0.001::decimal(18,3),
                        event_time := timestamp '{FIRST_DAY}' + interval '{night} days 1 hour') as e,
                    i * 13 as i
                from range({conflicts}) t(i)
            ) order by place, e.event_id
            """
        )
        name = f"night-{night + 1:02d}"
        connection.execute(
            f"""
            copy (
                select
                    event_id, source, event_type, account_id, cast(event_time as timestamptz) as event_time, quantity,
                    '{{"model":"' || model || '","region":"' || region || '"}}' as properties
                from night
            ) to '{folder}/{name}.parquet' (format parquet)
            """
        )
        connection.execute(
            f"""
            copy (
                select
                    '1.0' as specversion, event_id as id, source, event_type as type, account_id as subject,
                    strftime(event_time, '%Y-%m-%dT%H:%M:%S.%fZ') as time,
                    {{'quantity': quantity, 'model': model, 'region': region}} as data
                from night
            ) to '{folder}/{name}.jsonl' (format json)
            """
        )


def run(folder: str, suffix: str, threads: int, lookback_days: int) -> Result:
    """Meter the nights one after the other, as nightly runs do, into a fresh home."""
    home = Path(folder) / f"home-{suffix}-{lookback_days}"
    home.mkdir()
    files = sorted(Path(folder).glob(f"night-*.{suffix}"))
    look_back: list[float] = []
    dedupe.find_in_lake = _timed(dedupe.find_in_lake, look_back)
    seconds, cpu_seconds = [], []
    with duckdb.connect(str(home / "warehouse.duckdb"), config={"threads": str(threads)}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        tables.create(connection)
        _enter_contract(connection)
        for night, path in enumerate(files):
            started, cpu_before = perf_counter(), _cpu_seconds()
            connection.begin()
            meter_batch(
                connection,
                [_landed(path, night)],
                batch=night + 1,
                as_of=FIRST_DAY + timedelta(days=night),
                lake=home / "lake",
                threads=threads,
                lookback_days=lookback_days,
                progress=lambda _: None,
            )
            connection.commit()
            seconds.append(perf_counter() - started)
            cpu_seconds.append(_cpu_seconds() - cpu_before)
        rows = connection.execute(
            "select sum(received), sum(received - accepted - duplicate - conflict - quarantined)"
            " from raw_landing.conservation"
        ).fetchone()
    if rows is None or rows[1] != 0:
        raise RuntimeError("rows were lost")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    scan_seconds = _scan(files, suffix, threads)
    shutil.rmtree(home)
    return Result(int(rows[0]), seconds, cpu_seconds, look_back, scan_seconds, peak * 1024)


def _cpu_seconds() -> float:
    """User and system time of this process: unlike the clock, little moved by what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _timed(function: Callable[..., None], seconds: list[float]) -> Callable[..., None]:
    def timed(*arguments: Any) -> None:
        before = _cpu_seconds()
        function(*arguments)
        seconds.append(_cpu_seconds() - before)

    return timed


def _enter_contract(connection: duckdb.DuckDBPyConnection) -> None:
    for number in range(METERS):
        connection.execute(
            "insert into raw_contracts.charges (contract_id, version, charge_id, type, meter, aggregation, model)"
            " values ('C-1', 1, ?, 'usage', ?, 'sum', 'unit')",
            [f"charge-{number}", f"tokens.{number}"],
        )
        for position, name in enumerate(("model", "region")):
            connection.execute(
                "insert into raw_contracts.charge_group_by (contract_id, version, charge_id, property, position)"
                " values ('C-1', 1, ?, ?, ?)",
                [f"charge-{number}", name, position],
            )


def _landed(path: Path, night: int) -> LandedFile:
    return LandedFile(
        file_sequence=night + 1,
        batch=night + 1,
        first_seen=FIRST_DAY + timedelta(days=night),
        path=f"usage/{path.name}",
        absolute=path,
        sha256="",
        landed_sha256="",
        size_bytes=path.stat().st_size,
        source="usage",
        status="registered",
    )


def _scan(files: list[Path], suffix: str, threads: int) -> float:
    """The least any program can do with these files: count, sum and latest time."""
    paths = [str(path) for path in files]
    with duckdb.connect(config={"threads": str(threads)}) as connection:
        started = perf_counter()
        if suffix == "parquet":
            query = "select count(*), sum(quantity), max(event_time) from read_parquet(?)"
        else:
            query = (
                "select count(*), sum(data.quantity), max(time) from read_json(?, format = 'newline_delimited',"
                " columns = {time: 'varchar', data: 'struct(quantity decimal(18,3))'})"
            )
        connection.execute(query, [paths]).fetchall()
        return perf_counter() - started


def _in_a_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _report(name: str, result: Result, *, has_aims: bool = True) -> None:
    wall, cpu, look_back = sum(result.seconds), sum(result.cpu_seconds), sum(result.look_back)
    million = result.rows / 1e6
    first, last = _mean(result.cpu_seconds[1:4]), _mean(result.cpu_seconds[-3:])
    click.echo(
        f"\n{name}: {result.rows:,} events in {wall:.1f} s of the clock, {cpu:.1f} s of the CPU"
        f" ({cpu / wall:.2f} cores busy; load average {os.getloadavg()[0]:.1f})"
    )
    for label, value, aim in (
        ("events per second", f"{result.rows / wall:,.0f}", f"{AIM_EVENTS_A_SECOND:,}"),
        (
            "CPU seconds per million events",
            f"{cpu / million:.2f}",
            f"{AIM_CORES * 1e6 / AIM_EVENTS_A_SECOND:.2f}, with all of {AIM_CORES} cores busy",
        ),
        ("peak memory", f"{result.peak_bytes / 2**30:.2f} GB", f"under {AIM_PEAK_GB} GB"),
        ("ratio to a plain scan", f"{wall / result.scan_seconds:.1f} (scan {result.scan_seconds:.2f} s)", None),
        ("look into the keys of the lake", f"{look_back / million:.2f} CPU s per million, {look_back / cpu:.0%}", None),
        (
            "CPU of the last three nights to nights 2-4",
            f"{last / first:.2f} ({first:.2f} s, {last:.2f} s)",
            f"at most {AIM_NIGHTS}",
        ),
    ):
        click.echo(f"  {label:44}{value:32}" + (f"aim {aim}" if has_aims and aim else ""))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


@click.command()
@click.option("--events", default=10_000_000, show_default=True, help="Rows in all, over 30 nights.")
@click.option("--threads", default=os.cpu_count() or 2, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the temporary files go.")
def main(events: int, threads: int, folder: Path | None) -> None:
    """Measure metering on a month made for it."""
    with tempfile.TemporaryDirectory(prefix="bench-metering-", dir=folder) as scratch:
        started = perf_counter()
        _in_a_process(generate, Path(scratch), events, threads)
        click.echo(f"{events:,} events made in {perf_counter() - started:.0f} s; {threads} threads")
        _report("Parquet", _in_a_process(run, scratch, "parquet", threads, 40))
        _report("Parquet, same dates only", _in_a_process(run, scratch, "parquet", threads, 0))
        _report("JSON Lines", _in_a_process(run, scratch, "jsonl", threads, 40), has_aims=False)


if __name__ == "__main__":
    main()
