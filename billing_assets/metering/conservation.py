"""The count of a batch: what every file brought and what became of it, and the rows set aside with their reason.

received = accepted + duplicate + conflict + quarantined holds per file in rows, and in units by meter over the
rows whose quantity and meter could be read. Every row is counted from what was decided, never by subtraction.
"""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

import duckdb
import pyarrow as pa

from billing_assets.landing import strict_json, usage
from billing_assets.landing.files import LandedFile
from billing_assets.landing.numbers import plain
from billing_assets.landing.quarantine import Fault, QuarantinedRow, write
from billing_assets.metering.events import AS_TEXT

OUTCOMES = ("accepted", "duplicate", "conflict", "quarantined")
# The rows set aside one by one; those of a file set aside as a whole are not.
_FAULTY = "from left_out where fault is not null and file_sequence not in (select file_sequence from set_aside)"

# Text of a row by file sequence and line.
Originals = dict[int, dict[int, str]]


def count(
    connection: duckdb.DuckDBPyConnection,
    bench: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    as_of: date,
) -> None:
    """Write raw_metering.file_accounts and raw_landing.conservation for the files of the batch.

    A row without readable time belongs to the month of `as_of`.
    """
    # Grouped by date, which stands in the rows: their months are computed of the few groups.
    bench.execute(
        f"""
        create table tally as
        with counted as (
            select
                file_sequence, account_id, event_type as meter, event_date,
                'accepted' as outcome, count(*) as events, sum(quantity) as quantity
            from events
            group by all
            union all
            select
                file_sequence, account_id, event_type as meter, event_date,
                outcome, count(*) as events, sum(quantity) as quantity
            from left_out
            group by all
        )
        select
            * exclude (event_date), coalesce(strftime(event_date, '%Y-%m'), '{as_of:%Y-%m}') as event_month
        from counted
        """
    )
    counts = ", ".join(
        f"cast(coalesce(sum(events) filter (outcome = '{outcome}'), 0) as bigint) as {outcome}" for outcome in OUTCOMES
    )
    _append(
        connection,
        bench,
        "raw_metering.file_accounts",
        f"""
        select
            file_sequence, account_id, meter, event_month, {counts},
            cast(coalesce(sum(quantity) filter (outcome = 'accepted'), 0) as decimal(38,12)) as quantity_accepted
        from tally
        group by file_sequence, account_id, meter, event_month
        order by file_sequence, account_id, meter, event_month
        """,
    )
    rows: dict[int, dict[str, int]] = {file.file_sequence: dict.fromkeys(OUTCOMES, 0) for file in files}
    units: dict[int, dict[str, dict[str, Decimal]]] = {
        file.file_sequence: {outcome: {} for outcome in OUTCOMES} for file in files
    }
    for sequence, meter, outcome, events, quantity in bench.execute(
        "select file_sequence, meter, outcome, sum(events), sum(quantity) from tally group by all"
    ).fetchall():
        rows[sequence][outcome] += int(events)
        if meter is not None and quantity is not None:
            units[sequence][outcome][meter] = quantity
    for file in files:
        by_outcome = units[file.file_sequence]
        received: dict[str, Decimal] = {}
        for quantities in by_outcome.values():
            for meter, quantity in quantities.items():
                received[meter] = received.get(meter, Decimal(0)) + quantity
        counted = rows[file.file_sequence]
        connection.execute(
            "insert into raw_landing.conservation values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                file.file_sequence, file.path, file.sha256, file.source,
                sum(counted.values()), *counted.values(),
                _units_text(received), *(_units_text(by_outcome[outcome]) for outcome in OUTCOMES),
            ],
        )  # fmt: skip


def originals(bench: duckdb.DuckDBPyConnection, files: Sequence[LandedFile]) -> Originals:
    """The original text of the rows that `set_aside` writes, by file and line."""
    lines = dict(bench.execute(f"select file_sequence, list(line) {_FAULTY} group by file_sequence").fetchall())
    return {
        file.file_sequence: usage.originals(file, lines[file.file_sequence])
        for file in files
        if file.file_sequence in lines
    }


def set_aside(
    connection: duckdb.DuckDBPyConnection,
    bench: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    file_faults: dict[int, Fault],
    texts: Originals,
) -> None:
    """Write raw_landing.quarantine: one row per faulty or conflicting event, one per file set aside as a whole."""
    by_sequence = {file.file_sequence: file for file in files}
    write(
        connection,
        [
            QuarantinedRow(sequence, by_sequence[sequence].path, by_sequence[sequence].sha256, "usage", fault)
            for sequence, fault in sorted(file_faults.items())
        ],
    )
    faulty = bench.execute(f"select {AS_TEXT} {_FAULTY} order by file_sequence, line").to_arrow_table()
    if faulty.num_rows == 0:
        return
    sequences, lines = faulty.column("file_sequence").to_pylist(), faulty.column("line").to_pylist()
    firsts = faulty.column("first_file").to_pylist()
    paths = _paths(connection, {first for first in firsts if first is not None}) | {
        file.file_sequence: file.path for file in files
    }
    reasons = []
    for fault, first, first_line in zip(
        faulty.column("fault").to_pylist(), firsts, faulty.column("first_line").to_pylist(), strict=True
    ):
        reason = fault.partition(" ")[2]
        if first is not None:
            reason = f"differs in {reason} from the first of its key: {paths.get(first)} line {first_line}"
        reasons.append(reason)
    columns = {
        "file_sequence": faulty.column("file_sequence"),
        "path": pa.array([by_sequence[s].path for s in sequences], pa.string()),
        "sha256": pa.array([by_sequence[s].sha256 for s in sequences], pa.string()),
        "source": pa.array(["usage"] * len(sequences), pa.string()),
        "line": faulty.column("line"),
        "code": pa.array([f.partition(" ")[0] for f in faulty.column("fault").to_pylist()], pa.string()),
        "reason": pa.array(reasons, pa.string()),
        "original": pa.array([texts[s].get(line, "") for s, line in zip(sequences, lines, strict=True)], pa.string()),
        "account_id": faulty.column("account_id"),
        "meter": faulty.column("event_type"),
        "event_id": faulty.column("event_id"),
        "event_source": faulty.column("source"),
        "event_time": faulty.column("event_time"),
        "quantity": faulty.column("quantity"),
    }
    connection.register("incoming", pa.table(columns))
    connection.execute("insert into raw_landing.quarantine by name from incoming")
    connection.unregister("incoming")


def _paths(connection: duckdb.DuckDBPyConnection, sequences: Collection[int]) -> dict[int, str]:
    rows = connection.execute(
        "select file_sequence, path from raw_landing.files where list_contains(?, file_sequence)",
        [sorted(sequences)],
    ).fetchall()
    return dict(rows)


def _append(connection: duckdb.DuckDBPyConnection, bench: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    connection.register("incoming", bench.execute(query).to_arrow_table())
    connection.execute(f"insert into {table} by name from incoming")
    connection.unregister("incoming")


def _units_text(units: dict[str, Decimal]) -> str:
    return strict_json.canonical({meter: plain(quantity) for meter, quantity in units.items()})
