"""The database itself refuses to change the record, on a connection that knows nothing of our settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from billing_assets.ledger import GuardsBroken, Ledger, LedgerError
from billing_assets.ledger.tables import ENTRY, METADATA, TYPED, keys_of
from tests.ledger.builders import copy, url_of

TABLES = [table.name for table in [ENTRY, *TYPED]]


@pytest.fixture
def raw(tmp_path: Path, filled: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection to a filled ledger: no pragma set, foreign keys and recursive triggers off."""
    copy(filled, tmp_path)
    connection = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    yield connection
    connection.close()


def columns(table: str) -> list[str]:
    return [column.name for column in METADATA.tables[table].columns]


def last_row(raw: sqlite3.Connection, table: str) -> dict[str, object]:
    row = raw.execute(f"select {', '.join(columns(table))} from {table} limit 1").fetchone()
    assert row is not None, f"{table} is empty: the test would prove nothing"
    return dict(zip(columns(table), row, strict=True))


def insert(raw: sqlite3.Connection, table: str, row: dict[str, object], verb: str = "insert") -> None:
    marks = ", ".join("?" * len(row))
    raw.execute(f"{verb} into {table} ({', '.join(row)}) values ({marks})", list(row.values()))


def content(raw: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {table: raw.execute(f"select * from {table}").fetchall() for table in TABLES}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["update", "update or ignore", "update or replace"])
def test_no_row_can_be_updated(raw: sqlite3.Connection, table: str, verb: str) -> None:
    for column in columns(table):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(f"{verb} {table} set {column} = {column}")


@pytest.mark.parametrize("table", TABLES)
def test_no_row_can_be_deleted(raw: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(f"delete from {table}")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("recursive_triggers", ["off", "on"])
@pytest.mark.parametrize("verb", ["insert or replace", "replace", "insert or ignore", "insert or fail"])
def test_no_row_can_be_replaced(raw: sqlite3.Connection, table: str, recursive_triggers: str, verb: str) -> None:
    raw.execute(f"pragma recursive_triggers = {recursive_triggers}")
    before = content(raw)
    # A replacing row aims at one unique key of the victim, whichever; everything else in it may be new.
    for key in keys_of(METADATA.tables[table]):
        row = last_row(raw, table)
        if table != "entry":
            row["entry_sequence"] = 10_000
        for column in columns(table):
            if column not in key and isinstance(row[column], str):
                row[column] = f"forged {row[column]}"
        with pytest.raises(sqlite3.IntegrityError, match="already"):
            insert(raw, table, row, verb)
    assert content(raw) == before


@pytest.mark.parametrize("table", TABLES)
def test_an_upsert_changes_nothing(raw: sqlite3.Connection, table: str) -> None:
    row = last_row(raw, table)
    key = keys_of(METADATA.tables[table])[0]
    other = next(column for column in columns(table) if column not in key)
    marks = ", ".join("?" * len(row))
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(
            f"insert into {table} ({', '.join(row)}) values ({marks}) "
            f"on conflict do update set {other} = excluded.{other}",
            list(row.values()),
        )


@pytest.mark.parametrize("table", [table.name for table in TYPED])
def test_no_row_joins_an_entry_that_is_written(raw: sqlite3.Connection, table: str) -> None:
    row = last_row(raw, table)
    for column in keys_of(METADATA.tables[table])[0]:
        row[column] = f"other {row[column]}" if isinstance(row[column], str) else row[column]
    with pytest.raises(sqlite3.IntegrityError):
        insert(raw, table, row)


@pytest.mark.parametrize(
    ("table", "counter"),
    [
        ("landed_files", "file_sequence"),
        ("issued_documents", "number_no"),
        ("issued_documents", "sequence"),
        ("decisions", "decision_no"),
        ("run_events", "event_no"),
        ("outbox_attempts", "attempt_no"),
        ("exception_events", "event_no"),
    ],
)
@pytest.mark.parametrize("step", [2, 10, -100, None])
def test_a_counter_neither_skips_nor_goes_back(
    raw: sqlite3.Connection, table: str, counter: str, step: int | None
) -> None:
    row = {**last_row(raw, table), "entry_sequence": 10_000}
    if table == "issued_documents":  # a document of its own, so that only the counter can be what is refused
        last_sequence, last_number = raw.execute(
            "select max(sequence), max(case when selling_entity = ? and kind = ? then number_no end) "
            "from issued_documents",
            (row["selling_entity"], row["kind"]),
        ).fetchone()
        row |= {"document_id": "new", "contract_id": "new", "decision_no": None}
        row |= {"sequence": last_sequence + 1, "number_no": last_number + 1}
        row[counter] = None if step is None else int(str(row[counter])) - 1 + step
    else:
        within = {"outbox_attempts": "item_key", "exception_events": "exception_id"}.get(table)
        where = f"where {within} = '{row[within]}'" if within else ""
        last = raw.execute(f"select max({counter}) from {table} {where}").fetchone()[0]
        row[counter] = None if step is None else last + step
    with pytest.raises(sqlite3.IntegrityError, match=r"out of order|NOT NULL"):
        insert(raw, table, row)


@pytest.mark.parametrize(
    "change", [{"sequence": 1}, {"sequence": -1}, {"sequence": 10_000}, {"previous_hash": "f" * 64}]
)
def test_an_entry_continues_the_chain_or_is_refused(raw: sqlite3.Connection, change: dict[str, object]) -> None:
    names = columns("entry")
    last = raw.execute(f"select {', '.join(names)} from entry order by sequence desc limit 1").fetchone()
    row = dict(zip(names, last, strict=True))
    row |= {"sequence": row["sequence"] + 1, "previous_hash": row["hash"]}
    with pytest.raises(sqlite3.IntegrityError, match=r"out of order|continue|already"):
        insert(raw, "entry", {**row, **change})
    insert(raw, "entry", row)  # the same row, unchanged, is what the guard lets pass (and verification then finds)


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    from billing_assets.ledger import guards, guards_sqlite

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guards_sqlite, "_SYNCHRONOUS", "FULL")
        engine = guards.engine_for(url_of(tmp_path))
        with engine.connect() as connection:
            modes = [
                connection.exec_driver_sql(f"pragma {name}").scalar_one()
                for name in ("synchronous", "journal_mode", "foreign_keys", "recursive_triggers")
            ]
        engine.dispose()
    assert modes == [2, "wal", 1, 1]


def triggers(raw: sqlite3.Connection) -> list[tuple[str, str]]:
    return raw.execute("select name, sql from sqlite_master where type = 'trigger' order by name").fetchall()


def test_every_table_has_its_three_guards(raw: sqlite3.Connection) -> None:
    expected = {f"guard_{table}_{verb}" for table in TABLES for verb in ("insert", "update", "delete")}
    assert {name for name, _ in triggers(raw)} == expected


def test_a_ledger_without_one_of_its_guards_is_not_opened(tmp_path: Path, raw: sqlite3.Connection) -> None:
    for name, statement in triggers(raw):
        raw.execute(f"drop trigger {name}")
        with pytest.raises(GuardsBroken, match=f"{name} is missing"):
            Ledger.open(url_of(tmp_path))
        raw.execute(statement)
    Ledger.open(url_of(tmp_path)).close()


def test_a_ledger_with_an_altered_guard_is_not_opened(tmp_path: Path, raw: sqlite3.Connection) -> None:
    name = "guard_issued_lines_update"
    raw.execute(f"drop trigger {name}")
    raw.execute(f"create trigger {name} before update on issued_lines when 0 begin select 1; end")
    with pytest.raises(GuardsBroken, match=f"{name} is altered"):
        Ledger.open(url_of(tmp_path))
    assert any(f"{name} is altered" in fault.problem for fault in Ledger.audit(url_of(tmp_path)).faults)


def test_a_ledger_with_a_foreign_trigger_is_not_opened(tmp_path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("create trigger helper after insert on decisions begin select 1; end")
    with pytest.raises(GuardsBroken, match="helper is not ours"):
        Ledger.open(url_of(tmp_path))


def test_refusing_to_open_leaves_the_ledger_as_it_was(tmp_path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("drop trigger guard_entry_delete")
    before = (content(raw), triggers(raw))
    with pytest.raises(GuardsBroken):
        Ledger.open(url_of(tmp_path))
    assert (content(raw), triggers(raw)) == before


def test_the_schema_is_the_migrated_one(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    Ledger.open(url_of(tmp_path)).close()
    engine = create_engine(url_of(tmp_path))
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert differences == []


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_plain_enough_for_another_database(table: str) -> None:
    statement = str(CreateTable(METADATA.tables[table]).compile(dialect=postgresql.dialect()))
    assert "ROWID" not in statement
    assert all(kind in ("TEXT", "BIGINT") for kind in map(str, (c.type for c in METADATA.tables[table].columns)))


# What SQLAlchemy is told in one place, as an option that every other database overlooks.
OPTIONS = ("sqlite_with_rowid=False", 'with_variant(Text(collation="C"), "postgresql")')
# Only one database has it, or the name of a database itself.
WORDS = ("pragma", "sqlite_master", "sqlite3", "rowid(", "pg_", "plpgsql", "psycopg", "advisory", "dialect.name")


def test_only_the_guards_know_the_database() -> None:
    from billing_assets.ledger import guards

    package = Path(str(guards.__file__)).parent
    own = {"guards.py": {"dialect.name"}, "guards_sqlite.py": set(WORDS), "guards_postgresql.py": set(WORDS)}
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for option in OPTIONS:
            text = text.replace(option, "")
        assert {word for word in WORDS if word in text.lower()} <= own.get(path.name, set()), path


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/ledger", "ledger", "postgresql+pg8000://h/ledger"]
)
def test_a_ledger_that_cannot_be_guarded_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(LedgerError, match=r"memory|no guards|no database URL|not pg8000"):
        Ledger.open(url, tmp_path)


def test_a_ledger_in_a_server_is_told_where_its_seal_is() -> None:
    with pytest.raises(LedgerError, match="BILLING_SEAL"):
        Ledger.open("postgresql://localhost/ledger")


def test_a_ledger_of_a_newer_version_is_refused_in_words(tmp_path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(LedgerError, match="update the code"):
        Ledger.open(url_of(tmp_path))


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, but long enough to be taken for one" * 50)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(url_of(tmp_path))


def test_auditing_nothing_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"):
        Ledger.audit(url_of(tmp_path))
    assert list(tmp_path.iterdir()) == []
