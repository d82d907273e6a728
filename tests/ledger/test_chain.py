"""Whoever can write the file can drop the guards: whatever they then change, verification names it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_assets.ledger import ChainFault, Ledger
from billing_assets.ledger.tables import ENTRY, METADATA, TYPED
from tests.ledger.builders import copy, url_of

TABLES = [table.name for table in [ENTRY, *TYPED]]
Row = dict[str, Any]


def key_columns(table: str) -> list[str]:
    return [column.name for column in METADATA.tables[table].primary_key]


def key_of(table: str, row: Row) -> str:
    if table == "entry":
        return str(row["sequence"])
    return json.dumps([row[column] for column in key_columns(table)], separators=(",", ":"))


class Tampered:
    """A copy of a filled ledger without guards, open to anything."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        for old in folder.glob("ledger.sqlite*"):
            old.unlink()
        copy(template, folder)
        self.raw = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
        self.raw.execute("pragma synchronous = off")
        self.originals = {table: self.rows(table) for table in TABLES}

    def rows(self, table: str) -> list[Row]:
        columns = [column.name for column in METADATA.tables[table].columns]
        order = ", ".join(key_columns(table))
        rows = self.raw.execute(f"select {', '.join(columns)} from {table} order by {order}").fetchall()
        assert rows, f"{table} is empty: the test would prove nothing"
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def change(self, table: str, row: Row, changes: Row) -> None:
        sets = ", ".join(f"{column} = ?" for column in changes)
        where = " and ".join(f"{column} = ?" for column in key_columns(table))
        keys = [row[column] for column in key_columns(table)]
        self.raw.execute(f"update {table} set {sets} where {where}", [*changes.values(), *keys])

    def delete(self, table: str, row: Row) -> None:
        where = " and ".join(f"{column} = ?" for column in key_columns(table))
        self.raw.execute(f"delete from {table} where {where}", [row[column] for column in key_columns(table)])

    def insert(self, table: str, row: Row) -> None:
        marks = ", ".join("?" * len(row))
        self.raw.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))

    def faults(self) -> list[ChainFault]:
        """What the chain says; that the guards are gone is told apart from it, and tested with the guards."""
        self.raw.close()
        return [fault for fault in Ledger.audit(url_of(self.folder)).faults if "guard_" not in fault.problem]


def forged(value: object) -> object:
    if isinstance(value, int):
        return value + 1_000
    return "forged" if value is None else f"{value}0"


def names(faults: list[ChainFault], table: str, key: str) -> bool:
    return any(fault.table == table and fault.key == key for fault in faults)


def test_a_filled_ledger_has_rows_in_every_table_and_no_fault(tmp_path: Path, unguarded: Path) -> None:
    tampered = Tampered(tmp_path, unguarded)
    assert all(tampered.rows(table) for table in TABLES)
    assert tampered.faults() == []


@pytest.mark.parametrize("table", TABLES)
def test_every_altered_column_is_found_and_named(tmp_path: Path, unguarded: Path, table: str) -> None:
    for column in METADATA.tables[table].columns:
        tampered = Tampered(tmp_path, unguarded)
        row = tampered.rows(table)[0]
        tampered.change(table, row, {column.name: forged(row[column.name])})
        if not column.primary_key:
            assert names(tampered.faults(), table, key_of(table, row)), column.name
            continue
        faults = tampered.faults()
        moved = {**row, column.name: forged(row[column.name])}
        assert names(faults, table, key_of(table, moved)), column.name
        if table != "entry":
            assert names(faults, table, key_of(table, row)), column.name


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("value", [b"\xff\x00", 1.5, "", "\x00"])
def test_values_of_a_strange_kind_are_found_and_do_not_crash(
    tmp_path: Path, unguarded: Path, table: str, value: object
) -> None:
    tampered = Tampered(tmp_path, unguarded)
    row = tampered.rows(table)[-1]
    column = next(c.name for c in METADATA.tables[table].columns if not c.primary_key and not c.nullable)
    tampered.change(table, row, {column: value})
    assert names(tampered.faults(), table, key_of(table, row))


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("entry", "run_identity"),
        ("landed_files", "duplicate_of"),
        ("issued_documents", "corrects_document_id"),
        ("issued_lines", "quantity"),
        ("gate_verdicts", "scope_hash"),
        ("exception_events", "control_id"),
        ("decisions", "expires_on"),
    ],
)
def test_a_value_blanked_out_is_found(tmp_path: Path, unguarded: Path, table: str, column: str) -> None:
    tampered = Tampered(tmp_path, unguarded)
    row = next(row for row in tampered.rows(table) if row[column] is not None)
    tampered.change(table, row, {column: None})
    assert names(tampered.faults(), table, key_of(table, row))


@pytest.mark.parametrize("table", TABLES)
def test_every_removed_row_is_found(tmp_path: Path, unguarded: Path, table: str) -> None:
    for position in range(len(Tampered(tmp_path, unguarded).rows(table))):
        tampered = Tampered(tmp_path, unguarded)
        row = tampered.rows(table)[position]
        tampered.delete(table, row)
        faults = tampered.faults()
        if table == "entry":  # seen at what follows, and at the rows that it covered
            assert faults
        else:
            assert names(faults, table, key_of(table, row))


@pytest.mark.parametrize("table", TABLES)
def test_an_inserted_row_is_found(tmp_path: Path, unguarded: Path, table: str) -> None:
    tampered = Tampered(tmp_path, unguarded)
    row = tampered.rows(table)[-1]
    copy = {
        column: forged(value) if column in key_columns(table) or column in _UNIQUE else value
        for column, value in row.items()
    }
    tampered.insert(table, copy)
    assert names(tampered.faults(), table, key_of(table, copy))


# Columns of other unique keys: a copy needs its own there, or the database refuses it by itself.
_UNIQUE = {"contract_id", "number_no", "version", "sequence", "request_no", "decision_no"}
_PART_OF_UNIQUE = {"document_id", "selling_entity", "kind"}


@pytest.mark.parametrize("table", [table for table in TABLES if table != "gate_verdicts"])
def test_two_rows_that_change_places_are_found(tmp_path: Path, unguarded: Path, table: str) -> None:
    tampered = Tampered(tmp_path, unguarded)
    first, second = tampered.rows(table)[:2]
    own = {*key_columns(table), *_UNIQUE, *_PART_OF_UNIQUE}
    tampered.change(table, first, {column: second[column] for column in first if column not in own})
    tampered.change(table, second, {column: first[column] for column in first if column not in own})
    faults = tampered.faults()
    assert names(faults, table, key_of(table, first))
    assert names(faults, table, key_of(table, second))


def test_entries_written_in_another_order_are_found(tmp_path: Path, unguarded: Path) -> None:
    tampered = Tampered(tmp_path, unguarded)
    entries = tampered.rows("entry")
    tampered.change("entry", entries[2], {"sequence": 10_000})
    tampered.change("entry", entries[3], {"sequence": entries[2]["sequence"]})
    tampered.change("entry", {"sequence": 10_000}, {"sequence": entries[3]["sequence"]})
    faults = tampered.faults()
    assert names(faults, "entry", "3")
    assert names(faults, "entry", "4")


def test_a_row_altered_with_its_entry_is_found_at_the_entry(tmp_path: Path, unguarded: Path) -> None:
    """A forger who knows the format: the row, its hash in the entry and the payload's hash all fit again."""
    tampered = Tampered(tmp_path, unguarded)
    document = tampered.rows("issued_documents")[0]
    entry = tampered.rows("entry")[document["entry_sequence"] - 1]
    changed = {**document, "total": "1"}
    payload = json.loads(entry["payload"])
    [key] = payload["rows"]["issued_documents"]
    compact = {column: value for column, value in changed.items() if value is not None}
    text = json.dumps(compact, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    payload["rows"]["issued_documents"][key] = hashlib.sha256(text.encode()).hexdigest()
    payload_text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    tampered.change("issued_documents", document, {"total": "1"})
    tampered.change(
        "entry",
        entry,
        {"payload": payload_text, "payload_hash": hashlib.sha256(payload_text.encode()).hexdigest()},
    )
    faults = tampered.faults()
    assert {fault.table for fault in faults} == {"entry"}  # the forged row itself fits: the chain does not
    assert names(faults, "entry", str(entry["sequence"]))


@pytest.mark.parametrize(
    "payload", ["", "{", "[]", "{}", '{"rows":1}', '{"rows":{"nothing":{}}}', '{"rows":{"entry":1}}']
)
def test_a_payload_that_is_none_of_ours_is_found_and_does_not_crash(
    tmp_path: Path, unguarded: Path, payload: str
) -> None:
    tampered = Tampered(tmp_path, unguarded)
    digest = hashlib.sha256(payload.encode()).hexdigest()
    tampered.change("entry", {"sequence": 4}, {"payload": payload, "payload_hash": digest})
    assert names(tampered.faults(), "entry", "4")


def test_a_dropped_table_is_found(tmp_path: Path, unguarded: Path) -> None:
    tampered = Tampered(tmp_path, unguarded)
    tampered.raw.execute("drop table decisions")
    tampered.raw.close()
    faults = Ledger.audit(url_of(tmp_path)).faults
    assert any(fault.table == "decisions" and "cannot be read" in fault.problem for fault in faults)


def test_a_table_rebuilt_without_its_key_hides_nothing(tmp_path: Path, unguarded: Path) -> None:
    tampered = Tampered(tmp_path, unguarded)
    tampered.raw.execute("create table copy as select * from decisions")
    tampered.raw.execute("drop table decisions")
    tampered.raw.execute("alter table copy rename to decisions")
    tampered.raw.execute("insert into decisions select * from decisions where decision_no = 1")
    tampered.raw.close()
    faults = Ledger.audit(url_of(tmp_path)).faults
    assert ChainFault("decisions", "[1]", "is there twice") in faults


def test_a_gap_in_the_numbers_is_named_as_such(tmp_path: Path, unguarded: Path) -> None:
    tampered = Tampered(tmp_path, unguarded)
    memo = next(row for row in tampered.rows("issued_documents") if row["kind"] == "credit_memo")
    tampered.change("issued_documents", memo, {"number_no": 7})
    assert any("without gaps of US01 credit_memo" in fault.problem for fault in tampered.faults())


@given(data=st.data())
@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_tampering_is_always_found(unguarded: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tampered = Tampered(Path(folder), unguarded)
        with closing(tampered.raw):
            touched = [_tamper(tampered, data) for _ in range(data.draw(st.integers(1, 3), label="times"))]
            faults = tampered.faults()
        tables = {place[0] for place in touched if place is not None}
        if tables:
            assert faults
        if "entry" not in tables:  # where an entry is gone too, its rows may be gone without a trace of their own
            assert tables <= {fault.table for fault in faults}


def _tamper(tampered: Tampered, data: st.DataObject) -> tuple[str, str] | None:
    """One random change; None where the database refused it. Later changes never undo earlier ones."""
    table = data.draw(st.sampled_from(TABLES), label="table")
    row = data.draw(st.sampled_from(tampered.originals[table]), label="row")
    action = data.draw(st.sampled_from(["alter", "remove", "insert", "swap"]), label="action")
    salt = data.draw(st.uuids(), label="salt").hex
    try:
        if action == "alter":
            column = data.draw(st.sampled_from(sorted(row)), label="column")
            tampered.change(table, row, {column: int(salt[:12], 16) if isinstance(row[column], int) else salt})
        elif action == "remove":
            if row.get("entry_sequence", row.get("sequence")) == len(tampered.originals["entry"]):
                return None  # a tail cut off whole is found only against a root kept elsewhere
            tampered.delete(table, row)
        elif action == "insert":
            fresh = {
                name: salt if isinstance(value, str) else int(salt[:12], 16)
                for name, value in row.items()
                if name in key_columns(table) or name in _UNIQUE
            }
            tampered.insert(table, {**row, **fresh})
        else:
            other = data.draw(st.sampled_from(tampered.rows(table)), label="other")
            own = {*key_columns(table), *_UNIQUE, *_PART_OF_UNIQUE}
            if all(row[name] == other[name] for name in row if name not in own):
                return None
            tampered.change(table, row, {name: other[name] for name in row if name not in own})
    except sqlite3.IntegrityError:
        return None
    return table, key_of(table, row)
