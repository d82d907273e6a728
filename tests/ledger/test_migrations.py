"""A ledger of the first revision, with rows, comes to the newest one without a byte of the chain changed."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from billing_assets.ledger import Ledger, SealBroken, guards, schema
from billing_assets.ledger.seal import Seal
from billing_assets.ledger.tables import ENTRY, METADATA, TYPED
from tests.ledger.builders import AS_OF, OPEN, RUN, Place, found, request, url_of
from tests.ledger.test_seal import decide

# A ledger as the code of revision 0001 filled it, every table and kind of event, as SQL.
FIRST = Path(__file__).with_name("r0001.sql")
CHAINED = {table.name for table in [ENTRY, *TYPED]}
Rows = dict[str, list[dict[str, Any]]]


def first_rows() -> Rows:
    with closing(sqlite3.connect(":memory:")) as raw:
        raw.executescript(FIRST.read_text(encoding="utf-8"))
        raw.row_factory = sqlite3.Row
        names = [name for (name,) in raw.execute("select name from sqlite_master where type = 'table'")]
        return {name: [dict(row) for row in raw.execute(f"select * from {name}")] for name in names if name in CHAINED}


@pytest.fixture(params=["sqlite", "postgresql"])
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The ledger of revision 0001, on each database."""
    seal = tmp_path / "seal"
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as raw:
            raw.executescript(FIRST.read_text(encoding="utf-8"))
        yield Place(url_of(tmp_path), seal)
        return
    server = request.getfixturevalue("server")
    place = Place(server.url(server.create("first")), seal)
    engine = guards.engine_for(place.url)
    with engine.execution_options(ledger_writes=True).begin() as connection:
        schema.migrate(connection, "0001")
        rows = first_rows()
        for table in (table.name for table in METADATA.sorted_tables if table.name in rows):
            connection.execute(text(f"alter table {table} disable trigger user"))
            marks = ", ".join(f":{column}" for column in rows[table][0])
            connection.execute(text(f"insert into {table} ({', '.join(rows[table][0])}) values ({marks})"), rows[table])
    engine.dispose()
    yield place
    server.drop(place.url)


def stored(ledger: Ledger) -> Rows:
    with ledger._connection() as connection:
        return {
            table: [dict(row._mapping) for row in connection.execute(text(f"select * from {table}"))]
            for table in first_rows()
        }


def by_key(rows: list[dict[str, Any]]) -> list[str]:
    """Rows without what they do not say: a column that came later is null in them."""
    return sorted(str({name: row[name] for name in sorted(row) if row[name] is not None}) for row in rows)


def test_the_fixture_is_of_the_first_revision_with_every_table_filled() -> None:
    rows = first_rows()
    assert "'0001'" in FIRST.read_text(encoding="utf-8")
    assert len(rows) == 10
    assert all(rows.values())
    assert "signature" not in rows["entry"][0]


def test_rows_hashes_and_chain_stay_as_they_were(first: Place) -> None:
    before = first_rows()
    with first.open() as ledger:
        after = stored(ledger)
        assert ledger.verify() == []
    assert {table: by_key(rows) for table, rows in after.items()} == {
        table: by_key(rows) for table, rows in before.items()
    }
    hashes = {row["sequence"]: row["hash"] for row in before["entry"]}
    assert {row["sequence"]: row["hash"] for row in after["entry"]} == hashes
    # The seal begins where the chain stands.
    assert [(root.sequence, root.hash) for root in Seal(first.seal).roots()] == [(max(hashes), hashes[max(hashes)])]


def test_writing_goes_on_after_the_migration(first: Place) -> None:
    with first.open() as ledger:
        entries = ledger.sequence()
        decide(ledger)
        ledger.register_batch(AS_OF, [found("new")])
        ledger.issue([request("C-new")], ["file"], OPEN, RUN)
    with first.open() as ledger:
        assert ledger.sequence() > entries + 2
        assert ledger.verify() == []


def test_a_migrated_ledger_without_its_seal_is_not_taken_for_an_old_one(first: Place) -> None:
    first.open().close()
    for path in first.seal.iterdir():
        path.unlink()
    with pytest.raises(SealBroken, match="no root"):
        first.open()


def test_a_migration_that_is_cut_off_is_done_again(first: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Seal.begin

    def fail_after(self: Seal, *given: Any) -> None:
        begin(self, *given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Seal, "begin", fail_after)
    with pytest.raises(KeyboardInterrupt):
        first.open()
    monkeypatch.undo()
    with first.open() as ledger:
        assert ledger.verify() == []
    assert len(Seal(first.seal).roots()) == 1


def test_an_old_ledger_is_migrated_by_opening_it_not_by_auditing(first: Place) -> None:
    from billing_assets.ledger import LedgerError

    with pytest.raises(LedgerError, match="schema 0001"):
        first.audit()


# -- what a migration may do -------------------------------------------------------------------------------------

ALLOWED = {"create_table", "create_index", "add_column", "get_bind"}
FORBIDDEN = re.compile(r"\b(update|delete|batch_\w+|alter_?\w*|alter table|drop\w*|rename\w*|execute|replace)\b", re.I)
MIGRATIONS = sorted((Path(schema.__file__).parent / "migrations" / "versions").glob("r*.py"))


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_a_migration_only_adds(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    operations = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "op"
    }
    assert operations <= ALLOWED
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words -= {ast.get_docstring(tree, clean=False)}
    assert [word for word in words if FORBIDDEN.search(word)] == []


def test_a_column_that_is_added_may_be_null() -> None:
    """A null is no part of a row's hash: what was hashed before stays as it is."""
    before = first_rows()
    for table in METADATA.sorted_tables:
        if table.name in before:
            added = [column for column in table.columns if column.name not in before[table.name][0]]
            assert all(column.nullable for column in added), table.name


def test_the_newest_revision_is_the_last_of_alembics() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS[0].parent.parent))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.NEWEST
