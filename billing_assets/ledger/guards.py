"""What only the database itself can refuse: one module a database, chosen by the ledger's URL.

Each offers the same functions. `guard_rules` says what they refuse; nothing outside these modules knows a database.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from billing_assets.ledger.errors import LedgerError


def engine_for(url: str, *, create: bool = True) -> Engine:
    """An engine whose connections are durable and whose transactions are explicit. Refuses unguarded databases."""
    engine: Engine = _module(_backend(url)).engine_for(make_url(url), create=create)
    return engine


def default_seal(url: str) -> Path:
    """Where the seal is when nobody said: beside the ledger's file. Raises LedgerError where there is no file."""
    folder: Path = _module(_backend(url)).default_seal(make_url(url))
    return folder


def install(connection: Connection, tables: Iterable[str]) -> None:
    """Create the guards of `tables`: called by the migration that creates them."""
    _module(connection.dialect.name).install(connection, tables)


def reinstall(connection: Connection) -> None:
    """Drop the guards there are and create those of every table: called by a migration that changes their keys."""
    _module(connection.dialect.name).reinstall(connection)


def broken(connection: Connection) -> list[tuple[str, str]]:
    """(table, what is wrong) for each guard that is missing, altered or switched off, and each stranger."""
    faults: list[tuple[str, str]] = _module(connection.dialect.name).broken(connection)
    return faults


def is_busy(engine: Engine, error: object) -> bool:
    """Whether the driver's `error` says that another process holds the write lock."""
    return bool(_module(engine.dialect.name).is_busy(error))


def _backend(url: str) -> str:
    try:
        return make_url(url).get_backend_name()
    except ArgumentError as error:
        raise LedgerError(f"{url} is no database URL: use sqlite:///FILE or postgresql://HOST/DATABASE") from error


def _module(backend: str) -> ModuleType:
    if backend == "sqlite":
        import billing_assets.ledger.guards_sqlite as sqlite

        return sqlite
    if backend == "postgresql":
        import billing_assets.ledger.guards_postgresql as postgresql

        return postgresql
    raise LedgerError(f"no guards are written for {backend}: use sqlite:///FILE or postgresql://HOST/DATABASE")
