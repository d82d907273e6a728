"""What only the database itself can refuse, and everything that is true of SQLite alone.

Three triggers guard each table: no update, no delete, and an insert guard, because INSERT OR REPLACE deletes the row
it replaces without firing delete triggers. The insert guard refuses an existing key, a counter that skips, and a
row that does not come before its chain entry. Triggers can be dropped by whoever can write the file, so they are
compared at every open; what was done in between, `verify` finds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text

from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import DENSE, ENTRY, METADATA, NUMBER_STARTS, keys_of

# A nightly run and a person's approval meet for moments only; longer than this another run holds the ledger.
_WAIT_SECONDS = 10
# A commit that returned survives a power cut: a number once given is never given again.
_SYNCHRONOUS = "FULL"
GENESIS = "0" * 64
# Execution option of a connection that is going to write: it takes the write lock at its beginning, so that what
# it read (heads, numbers) is still true when it writes.
WRITES = "ledger_writes"


def engine_for(url: str, *, create: bool = True) -> Engine:
    """An engine whose connections are durable and whose transactions are explicit. Refuses unguarded dialects."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise LedgerError(f"no guards are written for {parsed.get_backend_name()}: use a sqlite:/// URL")
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError("the ledger is a file: a book of record cannot live in memory")
    path = Path(parsed.database)
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise LedgerError(f"no ledger at {path}")
    engine = create_engine(parsed, connect_args={"timeout": _WAIT_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    # The driver would begin transactions by itself, and not before DDL; `_begin` does it instead.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def install(connection: Connection, tables: Iterable[str]) -> None:
    """Create the guards of `tables`: called by the migration that creates them."""
    wanted = set(tables)
    for (table, _), statement in _triggers().items():
        if table in wanted:
            connection.exec_driver_sql(statement)


def reinstall(connection: Connection) -> None:
    """Drop the guards there are and create those of every table: called by a migration that changes their keys."""
    names = connection.execute(text("select name from sqlite_master where type = 'trigger' and name like 'guard_%'"))
    for (name,) in names.fetchall():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    install(connection, [table.name for table in METADATA.sorted_tables])


def broken(connection: Connection) -> list[tuple[str, str]]:
    """(table, what is wrong) for each guard that is missing or altered, and each trigger that is none of ours."""
    rows = connection.execute(text("select tbl_name, name, sql from sqlite_master where type = 'trigger'"))
    found = {(str(table), str(name)): str(sql) for table, name, sql in rows}
    expected = _triggers()
    faults = [
        (table, f"guard {name} is {'altered' if (table, name) in found else 'missing'}")
        for (table, name), statement in expected.items()
        if found.get((table, name)) != statement
    ]
    strangers = [(table, f"trigger {name} is not ours") for table, name in found if (table, name) not in expected]
    return sorted(faults + strangers)


def _triggers() -> dict[tuple[str, str], str]:
    """(table, trigger name) -> the statement that creates it."""
    triggers: dict[tuple[str, str], str] = {}
    for table in METADATA.sorted_tables:
        for operation in ("update", "delete"):
            name = f"guard_{table.name}_{operation}"
            triggers[table.name, name] = (
                f"CREATE TRIGGER {name} BEFORE {operation.upper()} ON {table.name} BEGIN "
                f"SELECT RAISE(ABORT, '{table.name} is append-only: corrections are new entries'); END"
            )
        name = f"guard_{table.name}_insert"
        checks = " ".join(f"SELECT RAISE(ABORT, '{why}') WHERE {when};" for when, why in _insert_checks(table))
        triggers[table.name, name] = f"CREATE TRIGGER {name} BEFORE INSERT ON {table.name} BEGIN {checks} END"
    return triggers


def _insert_checks(table: Table) -> list[tuple[str, str]]:
    """(condition on NEW, message) under which a row is refused."""
    checks = []
    for key in keys_of(table):
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        checks.append(
            (
                f"EXISTS (SELECT 1 FROM {table.name} WHERE {same})",
                f"{table.name} has this {', '.join(key)} already",
            )
        )
    for counter, within in DENSE.get(table.name, []):
        same = " AND ".join(f"{column} = NEW.{column}" for column in within) or "1"
        before = "0"
        if counter == "number_no":
            # A range that another system began goes on where that one stopped.
            start = f"SELECT next_no FROM {NUMBER_STARTS.name} WHERE {same}"
            before = f"coalesce(({start}), 1) - 1"
        last = f"(SELECT coalesce(max({counter}), {before}) FROM {table.name} WHERE {same})"
        checks.append((f"NEW.{counter} IS NOT {last} + 1", f"{table.name}.{counter} is out of order"))
    last_entry = "(SELECT coalesce(max(sequence), 0) FROM entry)"
    if table is ENTRY:
        last_hash = f"coalesce((SELECT hash FROM entry WHERE sequence = {last_entry}), '{GENESIS}')"
        checks.append((f"NEW.previous_hash IS NOT {last_hash}", "entry does not continue the chain"))
    else:
        # An entry seals its rows: they are written before it, and nothing joins them afterwards.
        checks.append((f"NEW.entry_sequence <= {last_entry}", f"{table.name} row comes after its entry"))
    return checks
