"""Writing Python rows to raw tables, exactly: through Arrow with the table's own column types.

Belongs here: one insert for all of landing. Which rows there are belongs to `load` and the modules of the sources.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

# The tables of landing, and those of the rooms that lie below this one: read as files, not imported.
SCHEMAS = (
    Path(__file__).with_name("schema.sql"),
    Path(__file__).parent.parent / "metering" / "schema.sql",
    Path(__file__).parent.parent / "matching" / "schema.sql",
    Path(__file__).parent.parent / "controls" / "plausibility" / "schema.sql",
)


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the raw schemas and tables, unless they are there.

    Tables of another release may have other columns. All they hold comes from evidence and ledger: they are dropped, so
    that the next load reads everything again.
    """
    texts = [schema.read_text("utf-8") for schema in SCHEMAS]
    schema_hash = sha256("".join(texts).encode()).hexdigest()
    if schema_hash == _hash_of_tables(connection):
        return
    connection.begin()
    for name in re.findall(r"^create schema if not exists (\w+);", "".join(texts), flags=re.MULTILINE):
        connection.execute(f"drop schema if exists {name} cascade")
    for text in texts:
        connection.execute(text)
    connection.execute("create table raw.release as select ? as schema_hash", [schema_hash])
    connection.commit()


def _hash_of_tables(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Of the descriptions that the tables were made from."""
    found = "from duckdb_tables() where schema_name = 'raw' and table_name = 'release'"
    if not connection.execute(found).fetchall():
        return None
    row = connection.execute("from raw.release").fetchone()
    return row[0] if row else None


def empty(connection: duckdb.DuckDBPyConnection) -> None:
    """Delete every row that loading wrote, in one transaction, so that all batches are loaded again."""
    names = connection.execute(
        """
        select schema_name || '.' || table_name from duckdb_tables()
        where schema_name in (
            'raw_landing', 'raw_contracts', 'raw_provisioning', 'raw_fx', 'raw_opening', 'raw_bank', 'raw_marketplace',
            'raw_metering')
        order by all
        """
    ).fetchall()
    connection.begin()
    for (name,) in names:
        connection.execute(f"delete from {name}")
    connection.execute("delete from raw.last_build")
    connection.commit()


def append(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows (column -> value; absent = null) to a table. A column the table lacks is a KeyError."""
    if not rows:
        return
    schema = connection.execute(f"select * from {table} limit 0").to_arrow_table().schema
    unknown = {name for row in rows for name in row} - set(schema.names)
    if unknown:
        raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
    incoming = pa.Table.from_pydict({name: [row.get(name) for row in rows] for name in schema.names}, schema=schema)
    connection.register("incoming_rows", incoming)
    try:
        connection.execute(f"insert into {table} select * from incoming_rows")
    finally:
        connection.unregister("incoming_rows")


@contextmanager
def given(
    connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> Iterator[None]:
    """A relation of Python rows under a name, for one statement; column -> 'bigint', 'integer' or 'varchar'.

    Bound list parameters would do, but DuckDB looks at their elements one by one, at a millisecond each.
    """
    types = {"bigint": pa.int64(), "integer": pa.int32(), "varchar": pa.string()}
    schema = pa.schema([(column, types[kind]) for column, kind in columns.items()])
    connection.register(name, pa.Table.from_pylist(list(rows), schema=schema))
    try:
        yield
    finally:
        connection.unregister(name)


@contextmanager
def one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Statements of the block on one thread: two of them at one Arrow table cost more than twice what one costs."""
    row = connection.execute("select current_setting('threads')").fetchone()
    connection.execute("set threads = 1")
    try:
        yield
    finally:
        connection.execute(f"set threads = {row[0] if row else 1}")


class Buffer:
    """Rows on their way to tables, written in one insert a table: a file of ten rows must not cost ten inserts."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._rows: dict[str, list[Mapping[str, Any]]] = {}

    def add(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows.setdefault(table, []).extend(rows)

    def flush(self) -> None:
        """Write what was added since the last time, in the order it was added."""
        for table, rows in self._rows.items():
            append(self._connection, table, rows)
        self._rows.clear()
