"""The reporting snapshot as pages read it: opened read-only, opened again when a run has replaced the file.

Belongs here: connections and rows. A page in progress keeps the snapshot it began with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from billing_assets.errors import OperatorError
from billing_assets.warehouse import attach_snapshot

Row = dict[str, Any]
Values = Mapping[str, Any]


class NoSnapshot(OperatorError, FileNotFoundError):
    """There is no reporting snapshot, or it cannot be read."""


@dataclass
class _Generation:
    """One file that stood at the snapshot's path, open for as long as somebody reads it."""

    identity: tuple[int, int, int]
    connection: duckdb.DuckDBPyConnection
    columns: dict[str, tuple[str, ...]]
    remembered: dict[str, Any] = field(default_factory=dict)
    readers: int = 0
    replaced: bool = False


@dataclass(frozen=True)
class Snapshot:
    """What one request reads. Relations are named schema.table; values are always bound."""

    cursor: duckdb.DuckDBPyConnection
    generation: _Generation

    def has(self, *relations: str) -> bool:
        """Whether the snapshot holds all of the relations: an older one may lack some."""
        return all(relation in self.generation.columns for relation in relations)

    def columns(self, relation: str) -> tuple[str, ...]:
        """The relation's columns in their order; none when it is missing."""
        return self.generation.columns.get(relation, ())

    def rows(self, query: str, values: Values | None = None) -> list[Row]:
        """All rows of the query, as dicts."""
        result = self.cursor.execute(query, dict(values or {}))
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def rows_of(self, needs: Sequence[str], query: str, values: Values | None = None) -> list[Row]:
        """As `rows`, and none when a relation that the query needs is missing."""
        return self.rows(query, values) if self.has(*needs) else []

    def one(self, query: str, values: Values | None = None) -> Row | None:
        """The first row, or None."""
        rows = self.rows(query, values)
        return rows[0] if rows else None

    def remember(self, name: str, find: Callable[[], Any]) -> Any:
        """The value of `find`, looked up once for as long as this file stands."""
        if name not in self.generation.remembered:
            self.generation.remembered[name] = find()
        return self.generation.remembered[name]

    @property
    def as_of(self) -> date | None:
        """The business date of the run that wrote the snapshot."""
        return self._run()["as_of"]  # type: ignore[no-any-return]

    @property
    def run_identity(self) -> str:
        """The identity of that run."""
        return str(self._run()["run_identity"])

    def _run(self) -> Row:
        def find() -> Row:
            run = self.rows_of(["raw.run_context"], "select as_of, run_identity from raw.run_context")
            return run[0] if run else {"as_of": None, "run_identity": "unknown"}

        return self.remember("run", find)  # type: ignore[no-any-return]


class Snapshots:
    """The file at `path`, whichever it is at the moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._current: _Generation | None = None

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        """The newest snapshot for one request. Raises NoSnapshot when there is none."""
        with self._lock:
            generation = self._newest()
            generation.readers += 1
            cursor = generation.connection.cursor()
        try:
            # A cursor starts outside the attached copy.
            cursor.execute("use warehouse")
            yield Snapshot(cursor, generation)
        finally:
            cursor.close()
            with self._lock:
                generation.readers -= 1
                if generation.replaced and not generation.readers:
                    generation.connection.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._retire()

    def _newest(self) -> _Generation:
        try:
            stat = self.path.stat()
        except OSError as error:
            self._retire()
            raise NoSnapshot(f"there is no reporting snapshot at {self.path}: `billing run` writes it") from error
        identity = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._current is None or self._current.identity != identity:
            opened = _open(self.path, identity)
            self._retire()
            self._current = opened
        return self._current

    def _retire(self) -> None:
        if self._current is not None:
            self._current.replaced = True
            if not self._current.readers:
                self._current.connection.close()
            self._current = None


def _open(path: Path, identity: tuple[int, int, int]) -> _Generation:
    try:
        connection = attach_snapshot(path)
        found = connection.execute(
            "select schema_name || '.' || table_name, list(column_name order by column_index) from duckdb_columns() "
            "where database_name = 'warehouse' and not internal group by 1"
        ).fetchall()
    except duckdb.Error as error:
        raise NoSnapshot(f"{path} cannot be read as a snapshot ({error}): `billing run` writes it anew") from error
    return _Generation(identity, connection, {name: tuple(columns) for name, columns in found})
