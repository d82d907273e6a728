"""One batch of usage: read, judge, keep in the lake, roll up, count. The order of the steps stands here only.

The heavy work is done on a workbench, a DuckDB of its own that spills to disk, so that a damaged file cannot
abort the warehouse transaction and the warehouse receives results only. The caller holds that transaction.
"""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from billing_assets.landing.files import FileTotals, LandedFile, Progress
from billing_assets.landing.manifests import disagreement
from billing_assets.landing.quarantine import Fault
from billing_assets.metering import conservation
from billing_assets.metering.dedupe import deduplicate
from billing_assets.metering.events import read_events
from billing_assets.metering.lake import Lake, LakePart
from billing_assets.metering.rollup import register_rules, roll_up
from billing_assets.metering.rules import read_rules

# Below this, one more thread costs more than it brings: each of some fifty statements waits a millisecond for it.
_ROWS_A_THREAD = 500_000


class LakeIncomplete(RuntimeError):
    """Files that the warehouse lists are not in the lake."""


def meter_batch(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    *,
    batch: int,
    as_of: date,
    lake: Path,
    threads: int,
    lookback_days: int,
    progress: Progress,
    future_tolerance: timedelta = timedelta(hours=1),
    memory_limit: str = "2GB",
) -> None:
    """Take the usage files of a batch into lake and warehouse, inside the caller's transaction.

    Contracts of this and earlier batches must be in raw_contracts. Repeating an interrupted batch overwrites what
    it left. Raises LakeIncomplete when an earlier part of the lake is gone: then everything must be rebuilt.
    """
    committed = Lake(lake, _parts(connection))
    gone = committed.missing()
    if gone:
        raise LakeIncomplete(
            f"{len(gone)} files of the lake {lake} are gone, {gone[0]} first: delete the warehouse too and run again"
        )
    rules = read_rules(connection)
    rebuild = register_rules(connection, rules)
    if not files and not rebuild:
        return
    scratch = lake / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        with duckdb.connect(
            ":memory:",
            config={
                "threads": str(threads),
                "memory_limit": memory_limit,
                "temp_directory": str(scratch / "spill"),
                "autoinstall_known_extensions": "false",
            },
        ) as bench:
            bench.execute("set TimeZone = 'UTC'")
            faults = read_events(
                bench,
                files,
                rules,
                as_of=as_of,
                future_tolerance=future_tolerance,
                scratch=scratch,
                progress=progress,
            )
            _use_threads(bench, threads)
            faults |= _disagreeing(bench, [file for file in files if file.file_sequence not in faults])
            _leave_out(bench, faults)
            progress("usage: removing duplicates")
            deduplicate(bench, committed, lookback_days)
            progress("usage: writing the lake")
            written = committed.plan(bench, batch)
            # Nothing changes `events` from here on: the lake is written beside the counting.
            with ThreadPoolExecutor(1) as pool:
                writing = pool.submit(committed.write, bench.cursor(), written)
                originals = pool.submit(conservation.originals, bench.cursor(), files)
                if written:
                    rows = ", ".join(str((f"{p.event_date}", p.batch, p.path, p.rows)) for p in written)
                    connection.execute(
                        f"insert into raw_metering.lake_parts (event_date, batch, path, rows) values {rows}"
                    )
                progress("usage: rolling up")
                if rebuild:
                    writing.result()  # what is built again is read from the lake
                roll_up(connection, bench, committed, written, rules, rebuild, batch)
                conservation.count(connection, bench, files, as_of)
                conservation.set_aside(connection, bench, files, faults, originals.result())
                writing.result()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _use_threads(bench: duckdb.DuckDBPyConnection, threads: int) -> None:
    """No more threads than the events can fill."""
    rows = bench.execute("select count(*) from events").fetchall()[0][0]
    bench.execute(f"set threads = {min(threads, 1 + rows // _ROWS_A_THREAD)}")


def _parts(connection: duckdb.DuckDBPyConnection) -> list[LakePart]:
    rows = connection.execute("select event_date, batch, path, rows from raw_metering.lake_parts").fetchall()
    return [LakePart(*row) for row in rows]


def _disagreeing(bench: duckdb.DuckDBPyConnection, files: Sequence[LandedFile]) -> dict[int, Fault]:
    """Files whose manifest says otherwise, by file sequence."""
    told = [file for file in files if file.manifest is not None]
    if not told:
        return {}
    totals = {
        row[0]: FileTotals(row[1], row[2], _utc(row[3]), _utc(row[4]), row[5])
        for row in bench.execute(
            """
            select
                file_sequence, count(*), sum(quantity), min(event_time), max(event_time),
                count(*) filter (quantity is null or event_time is null)
            from events
            group by file_sequence
            """
        ).fetchall()
    }
    faults = {}
    for file in told:
        assert file.manifest is not None  # noqa: S101  (selected above)
        reason = disagreement(file.manifest, totals.get(file.file_sequence, FileTotals(0)))
        if reason:
            faults[file.file_sequence] = Fault("manifest", reason)
    return faults


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _leave_out(bench: duckdb.DuckDBPyConnection, faults: dict[int, Fault]) -> None:
    """Move faulty rows, and the rows of files set aside, from `events` to `left_out`.

    Every row received is in one of the two; `left_out` says what became of it.
    """
    bench.execute("create table set_aside (file_sequence bigint)")
    if faults:
        bench.executemany("insert into set_aside values (?)", [(sequence,) for sequence in sorted(faults)])
    is_out = "fault is not null or file_sequence in (select file_sequence from set_aside)"
    found = bench.execute(f"select count(*) filter ({is_out}) from events").fetchall()[0][0]
    bench.execute(
        f"""
        create table left_out as
        select
            *, 'quarantined' as outcome, cast(null as bigint) as first_file, cast(null as bigint) as first_line
        from events
        where {is_out if found else "false"}
        """
    )
    if found:
        bench.execute(f"delete from events where {is_out}")
