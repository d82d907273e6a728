"""When a build may follow on the last one, and when it is a full one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from billing_assets.landing import tables
from billing_assets.transformation import last_build
from billing_assets.warehouse import Warehouse

AS_OF = date(2026, 4, 3)


def say_run(warehouse: Warehouse, as_of: date = AS_OF, code: str = "code") -> None:
    with warehouse.writer() as connection:
        connection.execute("delete from raw.run_context")
        connection.execute("insert into raw.run_context by name select ?::date as as_of, ? as code_hash", [as_of, code])


def load_batch(warehouse: Warehouse, batch: int) -> None:
    with warehouse.writer() as connection:
        connection.execute("insert into raw_landing.batches by name select ? as batch", [batch])


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse of two batches, with the relations that are remembered, that no build has finished on."""
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    with warehouse.writer() as connection:
        tables.create(connection)
        for relation in last_build.REMEMBERED:
            connection.execute(f"create schema if not exists {relation.split('.')[0]}")
            connection.execute(f"create table {relation} as select 1 as id")
    load_batch(warehouse, 1)
    load_batch(warehouse, 2)
    say_run(warehouse)
    return warehouse


@pytest.fixture
def built(warehouse: Warehouse) -> Warehouse:
    """The same after a build that finished."""
    last_build.remember(warehouse, last_build.begin(warehouse))
    return warehouse


def test_the_first_build_is_a_full_one(warehouse: Warehouse) -> None:
    assert last_build.begin(warehouse) == last_build.Begun(is_full=True, batch=2)


@pytest.mark.parametrize("as_of", [AS_OF, date(2026, 5, 1)])
def test_a_build_for_the_same_or_a_later_date_follows(built: Warehouse, as_of: date) -> None:
    say_run(built, as_of)
    assert not last_build.begin(built).is_full


def test_a_build_for_an_earlier_date_is_a_full_one(built: Warehouse) -> None:
    say_run(built, date(2026, 4, 2))
    assert last_build.begin(built).is_full


def test_a_build_of_other_code_is_a_full_one(built: Warehouse) -> None:
    say_run(built, code="other")
    assert last_build.begin(built).is_full


def test_a_build_after_one_that_broke_off_is_a_full_one(built: Warehouse) -> None:
    assert not last_build.begin(built).is_full
    again = last_build.begin(built)
    assert again.is_full
    last_build.remember(built, again)
    assert not last_build.begin(built).is_full


def test_a_build_after_the_warehouse_was_emptied_is_a_full_one(built: Warehouse) -> None:
    with built.writer() as connection:
        tables.empty(connection)
    assert last_build.begin(built).is_full


def test_what_lands_after_a_stopped_night_stays_new_until_a_build_has_read_it(built: Warehouse) -> None:
    load_batch(built, 3)  # and the night stopped before its build
    load_batch(built, 4)
    begun = last_build.begin(built)
    with built.reader() as connection:
        assert connection.execute("select batch from raw.last_build").fetchone() == (2,)
    last_build.remember(built, begun)
    with built.reader() as connection:
        assert connection.execute("select batch from raw.last_build").fetchone() == (4,)


def test_what_a_build_read_is_kept_as_it_was(built: Warehouse) -> None:
    with built.writer() as connection:
        for relation in last_build.REMEMBERED:
            connection.execute(f"insert into {relation} values (2)")
    with built.reader() as connection:
        names = [relation.split(".")[1] for relation in last_build.REMEMBERED]
        counts = [connection.execute(f"select count(*) from built.{name}").fetchone() for name in names]
        assert counts == [(1,)] * len(names)
