"""The only door to DuckDB: one writer at a time, read-only readers, closed again after each step or run.

DuckDB allows one writing process per file and refuses others at once; a run keeps the file for itself. All times are
UTC: the session zone never depends on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from billing_assets.errors import OperatorError

# How the file is opened, by us and by dbt: profiles.yml says the same, because DuckDB opens a file again in one process
# only with equal options.
_Options = dict[str, bool | int | float | str | list[str]]
_OPTIONS: _Options = {
    "autoinstall_known_extensions": False,
    # Full row groups that wait in memory to be written: one of a wide table is some hundred MB, DuckDB would keep five.
    "write_buffer_row_group_count": 1,
}
# Trying it on every text was a third of what writing a table costs; files grow by half without it. Set once a file is
# open (in profiles.yml, too): as an option of the opening DuckDB takes it and forgets it.
_UNUSED_COMPRESSION = "fsst"
# Files that this process keeps open -> with which options.
_held: dict[Path, _Options] = {}


class WarehouseBusy(OperatorError):
    """Another process has the warehouse file open."""


class NoWarehouse(OperatorError, FileNotFoundError):
    """The home holds no warehouse yet."""


class Warehouse:
    """The DuckDB file of one home folder."""

    def __init__(self, path: Path, threads: int | None = None, memory_limit: str | None = None) -> None:
        self.path = path
        self._options = dict(_OPTIONS) if threads is None else _OPTIONS | {"threads": threads}
        self._memory_limit = memory_limit

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open, so that what this process opens inside the block, dbt included, opens at once.

        To open the file is to read what DuckDB knows of every column of every table: a tenth of a second, thirty times
        a night. Inside the block every connection may write, and none has a memory limit, as dbt's has none. Raises
        WarehouseBusy at once when another process has the file.
        """
        _held[self.path] = self._options
        try:
            with self.writer():
                yield
        finally:
            del _held[self.path]

    @contextmanager
    def writer(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-write connection; creates the file. Raises WarehouseBusy at once when another process has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open(read_only=False) as connection:
            yield connection

    @contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection. Raises WarehouseBusy when a writer of another process has the file."""
        if not self.path.exists():
            raise NoWarehouse(f"no warehouse at {self.path}: run `billing run` first")
        with self._open(read_only=True) as connection:
            yield connection

    @contextmanager
    def _open(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        held = _held.get(self.path)
        try:
            connection = duckdb.connect(
                str(self.path),
                read_only=read_only and held is None,
                config=self._options if held is None else held,
            )
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise
            raise WarehouseBusy(
                f"{self.path} is open in another process ({_holder(str(error))}); "
                "wait for that run to end, or close the shell or tool that has the file open, then run again"
            ) from error
        try:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set disabled_compression_methods = '{_UNUSED_COMPRESSION}'")
            if self._memory_limit and held is None:
                connection.execute(f"set memory_limit = '{self._memory_limit}'")
            yield connection
        finally:
            connection.close()


def _holder(message: str) -> str:
    """DuckDB names the holder's process id in its message; keep just that."""
    start = message.find("PID ")
    return message[start:].split(")")[0].split(".")[0] if start >= 0 else "unknown process"


def attach_snapshot(path: Path, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A locked, read-only connection to a copy of the warehouse at `path`; the caller closes it.

    The copy is attached under the name `warehouse`, which the staging views inside it spell out. Each connection is an
    instance of its own, so the file may be replaced while older connections still read the one before. Queries reach
    no other file: external access is off and the configuration is locked.
    """
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false", "threads": str(threads)})
    try:
        quoted = str(path).replace("'", "''")
        connection.execute(f"attach '{quoted}' as warehouse (read_only)")
        connection.execute("set global TimeZone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except duckdb.Error:
        connection.close()
        raise
    return connection
