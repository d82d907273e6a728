"""The guards and transactions of a ledger in a SQLite file, and everything that is true of SQLite alone.

Three triggers guard each table: no update, no delete, and an insert guard, because INSERT OR REPLACE deletes the row
it replaces without firing delete triggers. Triggers can be dropped by whoever can write the file, so they are
compared at every open; what was done in between, `verify` finds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from billing_assets.ledger import guard_rules
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.guard_rules import WRITES
from billing_assets.ledger.tables import METADATA

# A commit that returned survives a power cut: a number once given is never given again.
_SYNCHRONOUS = "FULL"


def engine_for(url: URL, *, create: bool) -> Engine:
    """An engine whose connections are durable and whose transactions are explicit."""
    path = _path(url)
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise LedgerError(f"no ledger at {path}")
    engine = create_engine(url, connect_args={"timeout": guard_rules.WAIT_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def default_seal(url: URL) -> Path:
    return _path(url).parent / "seal"


def is_busy(error: object) -> bool:
    return "locked" in str(error)


def _path(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise LedgerError("the ledger is a file: a book of record cannot live in memory")
    return Path(url.database)


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
    """Create the guards of `tables`."""
    wanted = set(tables)
    for (table, _), statement in _triggers().items():
        if table in wanted:
            connection.exec_driver_sql(statement)


def reinstall(connection: Connection) -> None:
    """Drop the guards there are and create those of every table."""
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
                f"SELECT RAISE(ABORT, '{guard_rules.refusal(table.name)}'); END"
            )
        name = f"guard_{table.name}_insert"
        checks = " ".join(
            f"SELECT RAISE(ABORT, '{why}') WHERE {when};" for when, why in guard_rules.insert_checks(table, "IS NOT")
        )
        triggers[table.name, name] = f"CREATE TRIGGER {name} BEFORE INSERT ON {table.name} BEGIN {checks} END"
    return triggers
