"""PostgreSQL itself refuses to change the record, on a plain connection of the tables' owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from billing_assets.ledger import ExceptionSighting, GuardsBroken, Ledger, LedgerBusy, LedgerError, chain, guards
from billing_assets.ledger.canonical import row_key
from billing_assets.ledger.guards_postgresql import _LOCK
from billing_assets.ledger.seal import Seal, public_keys
from billing_assets.ledger.tables import ENTRY, METADATA, TYPED, keys_of
from tests.ledger.builders import AS_OF, Place, fill, found

psycopg = pytest.importorskip("psycopg")

TABLES = [table.name for table in [ENTRY, *TYPED]]


@pytest.fixture(scope="module")
def shared(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A filled ledger that no test can change, because everything they try is refused."""
    seal = tmp_path_factory.mktemp("shared") / "seal"
    return Place(server.new(seal, "filled", fill), seal)


@pytest.fixture
def raw(shared: Place) -> Iterator[Any]:
    with psycopg.connect(shared.url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def own(server: Any, tmp_path: Path) -> Iterator[Place]:
    """A filled ledger of the test's own."""
    place = Place(server.new(tmp_path / "seal", "filled", fill), tmp_path / "seal")
    yield place
    server.drop(place.url)


def columns(table: str) -> list[str]:
    return [column.name for column in METADATA.tables[table].columns]


def any_row(raw: Any, table: str) -> dict[str, Any]:
    row = raw.execute(f"select {', '.join(columns(table))} from {table} limit 1").fetchone()
    assert row is not None, f"{table} is empty: the test would prove nothing"
    return dict(zip(columns(table), row, strict=True))


def insert(raw: Any, table: str, row: dict[str, Any], ending: str = "") -> None:
    marks = ", ".join(["%s"] * len(row))
    with raw.transaction():
        raw.execute(f"insert into {table} ({', '.join(row)}) values ({marks}) {ending}", list(row.values()))


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_updated_deleted_or_truncated(raw: Any, table: str) -> None:
    statements = [
        *(f"update {table} set {column} = {column}" for column in columns(table)),
        f"update {table} set entry_sequence = 0 where false"
        if table != "entry"
        else f"delete from {table} where false",
        f"delete from {table}",
        f"truncate {table} cascade",
        f"merge into {table} using (select 1) as other on true when matched then delete",
    ]
    for replica in ("origin", "replica"):
        raw.execute(f"set session_replication_role = {replica}")
        for statement in statements:
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"), raw.transaction():
                raw.execute(statement)


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_replaced_by_an_upsert(raw: Any, table: str) -> None:
    for key in keys_of(METADATA.tables[table]):
        row = any_row(raw, table)
        if table != "entry":
            row["entry_sequence"] = 10_000
        for column in columns(table):
            if column not in key and isinstance(row[column], str):
                row[column] = f"forged {row[column]}"
        if any(row[column] is None for column in key):
            continue  # where a part of a key is null nothing is unique
        for ending in ("", "on conflict do nothing", f"on conflict ({', '.join(key)}) do update set {key[0]} = 'x'"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=r"append-only|already"):
                insert(raw, table, row, ending.replace("'x'", f"excluded.{key[0]}"))


@pytest.mark.parametrize("table", [table.name for table in TYPED])
def test_no_row_joins_an_entry_that_is_written(raw: Any, table: str) -> None:
    row = any_row(raw, table)
    for column in keys_of(METADATA.tables[table])[0]:
        row[column] = f"other {row[column]}" if isinstance(row[column], str) else row[column]
    with pytest.raises(psycopg.errors.IntegrityError):
        insert(raw, table, row)


@pytest.mark.parametrize(
    "change", [{"sequence": 1}, {"sequence": -1}, {"sequence": 10_000}, {"previous_hash": "f" * 64}]
)
def test_an_entry_continues_the_chain_or_is_refused(raw: Any, change: dict[str, Any]) -> None:
    names = columns("entry")
    last = raw.execute(f"select {', '.join(names)} from entry order by sequence desc limit 1").fetchone()
    row = dict(zip(names, last, strict=True))
    row |= {"sequence": row["sequence"] + 1, "previous_hash": row["hash"]}
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=r"out of order|continue|already"):
        insert(raw, "entry", {**row, **change})
    insert(raw, "entry", row)  # unchanged, it is what the guard lets pass (and is rolled back)


def test_a_counter_neither_skips_nor_goes_back(raw: Any) -> None:
    for table, counter in (("landed_files", "file_sequence"), ("run_events", "event_no"), ("decisions", "decision_no")):
        last = raw.execute(f"select max({counter}) from {table}").fetchone()[0]
        for step in (2, 10, -100):
            row = {**any_row(raw, table), counter: last + step, "entry_sequence": 10_000}
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="out of order"):
                insert(raw, table, row)


def test_a_table_in_front_of_ours_does_not_deceive_a_guard(raw: Any) -> None:
    raw.execute("create temp table entry (like public.entry)")
    row = {**any_row(raw, "landed_files"), "file_sequence": 3}
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="comes after its entry"):
        insert(raw, "landed_files", row)


TAMPERINGS = {
    "guard_entry_delete is missing": "drop trigger guard_entry_delete on entry",
    "guard_entry_update is switched off": "alter table entry disable trigger guard_entry_update",
    "guard_decisions_insert is switched off": "alter table decisions enable trigger guard_decisions_insert",
    "guard_run_events_truncate is switched off": "alter table run_events disable trigger user",
    "guard_issued_lines_update is altered": "create or replace trigger guard_issued_lines_update before update "
    "on issued_lines for each statement when (false) execute function guard_refuse(); "
    "alter table issued_lines enable always trigger guard_issued_lines_update",
    "its function guard_refuse is not ours": "create or replace function guard_refuse() returns trigger "
    "language plpgsql as 'begin return null; end'",
    "its function guard_entry_insert is not ours": "alter function guard_entry_insert() set search_path = pg_temp",
    "trigger helper is not ours": "create function helper() returns trigger "
    "language plpgsql as 'begin return new; end'; "
    "create trigger helper before insert on decisions for each row execute function helper()",
    "rule quiet is not ours": "create rule quiet as on insert to decisions do instead nothing",
    "row security is switched on": "alter table entry enable row level security",
    "PUBLIC may insert": "grant insert on entry to public",
    "foreign key trigger": "alter table issued_lines disable trigger all",
}


@pytest.mark.parametrize("problem", TAMPERINGS)
def test_a_ledger_with_tampered_guards_is_not_opened(own: Place, problem: str) -> None:
    own.open().close()
    with psycopg.connect(own.url) as raw:
        raw.execute(TAMPERINGS[problem])
    with pytest.raises(GuardsBroken, match=problem):
        own.open()
    assert any(problem in fault.problem for fault in own.audit().faults)


def test_public_has_no_rights(raw: Any) -> None:
    granted = raw.execute(
        "select relname, relacl::text from pg_class where relname = any(%s) and relkind = 'r'", [TABLES]
    ).fetchall()
    assert len(granted) == len(TABLES)
    assert not any("{=" in rights or ",=" in rights for _, rights in granted)


def test_a_commit_waits_for_the_disk_and_a_reader_sees_one_moment(own: Place) -> None:
    with own.open() as ledger, ledger._connection() as connection:
        settings = [
            connection.exec_driver_sql(f"show {name}").scalar_one()
            for name in ("synchronous_commit", "transaction_isolation", "transaction_read_only")
        ]
        before = chain.head_sequence(connection)
        with own.open() as other:
            other.register_batch(AS_OF, [found("a")])
            assert other.sequence() == before + 1
        assert chain.head_sequence(connection) == before
    assert settings == ["on", "repeatable read", "on"]


def test_a_ledger_that_another_process_writes_is_busy_in_words(own: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_assets.ledger.guard_rules.WAIT_SECONDS", 0.2)
    with own.open() as ledger, psycopg.connect(own.url) as other:
        files = len(ledger.registered())
        other.execute(f"select pg_advisory_xact_lock({_LOCK})")
        assert len(ledger.registered()) == files  # readers go on
        own.open().close()  # and so does opening
        with pytest.raises(LedgerBusy, match="another process"):
            ledger.register_batch(AS_OF, [found("a")])
        other.rollback()
        assert len(ledger.register_batch(AS_OF, [found("a")])) == 1


def test_the_schema_is_the_migrated_one(own: Place) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with own.open() as ledger, ledger._connection() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_server_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be read or written"):
        Ledger.open(f"postgresql://nobody@/nothing?host={tmp_path}", tmp_path / "seal")


def test_text_is_ordered_by_its_bytes_whatever_the_server_speaks(own: Place) -> None:
    names = ["b", "B", "a", "Ä", "ä", "_", "-", "1", "10", "2", "Z"]
    with own.open() as ledger:
        ledger.record_exceptions([ExceptionSighting(name) for name in names], AS_OF)
        read = ledger.extract()["exceptions"]["exception_id"].to_pylist()
    assert [name for name in read if name in names] == sorted(names)


class Undo(Exception):
    """Rolls back what a test tampered with."""


@pytest.mark.parametrize("table", TABLES)
def test_what_is_changed_with_the_guards_switched_off_is_found_and_named(shared: Place, table: str) -> None:
    seal = Seal(shared.seal)
    lines, trusted = seal.lines(), public_keys(seal.public_path)
    columns_of = METADATA.tables[table].columns
    with Ledger(guards.engine_for(shared.url), seal) as ledger:
        others = [column.name for column in columns_of if not column.primary_key]
        for column in (others[0], others[-1], None):  # None: the row is removed
            with suppress(Undo), ledger._connection(writes=True) as connection:
                connection.exec_driver_sql(f"alter table {table} disable trigger all")
                key = [column.name for column in METADATA.tables[table].primary_key]
                row = connection.exec_driver_sql(f"select {', '.join(key)} from {table} limit 1").one()
                where = " and ".join(f"{name} = %s" for name in key)
                number = column is not None and str(columns_of[column].type) == "BIGINT"
                value = f"coalesce({column}, 0) + 1000" if number else f"coalesce({column}, '') || '0'"
                connection.exec_driver_sql(
                    f"update {table} set {column} = {value} where {where}"
                    if column
                    else f"delete from {table} where {where}",
                    tuple(row),
                )
                named = str(row[0]) if table == "entry" else row_key(list(row))
                found_faults = chain.verify(connection, lines, trusted).faults
                assert found_faults, column
                if column or table != "entry":
                    assert any((fault.table, fault.key) == (table, named) for fault in found_faults), column
                raise Undo
    assert shared.audit().faults == ()
