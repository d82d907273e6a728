"""An exception's identity, and its way into the record."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.exceptions import exception_id, register
from billing_assets.ledger import Ledger
from billing_assets.settings import PROJECT_ROOT
from billing_assets.warehouse import Warehouse

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1f"), max_size=20)


def sql_macro() -> str:
    """The expression of the dbt macro, with its arguments as placeholders."""
    text = (PROJECT_ROOT / "dbt_project" / "macros" / "controls" / "control_rows.sql").read_text()
    body = text.split("macro exception_id(control_id, violation_key, period) -%}")[1].split("{%-")[0]
    for name in ("control_id", "violation_key", "period"):
        body = body.replace("{{ " + name + " }}", "?")
    return body


@given(texts, texts, texts)
def test_python_and_sql_give_the_same_id(control_id: str, key: str, period: str) -> None:
    with duckdb.connect() as connection:
        row = connection.execute(f"select {sql_macro()}", [control_id, key, period]).fetchone()
    assert row == (exception_id(control_id, key, period),)


def test_the_parts_are_kept_apart() -> None:
    assert exception_id("A", "BC", "2026-03") != exception_id("AB", "C", "2026-03")


def test_the_id_is_stable_across_releases() -> None:
    # A literal on purpose: another value would make every open exception a new one.
    assert exception_id("USG-07", "A-1/no_charge", "2026-03") == "07586020de9b7c31"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    with warehouse.writer() as connection:
        connection.execute("create schema marts")
        connection.execute("""
            create table marts.fct_control_violations (
                exception_id varchar, control_id varchar, period varchar, violation_key varchar, code varchar,
                selling_entity varchar, channel varchar, account_id varchar, contract_id varchar,
                document_id varchar, amount decimal(38,12), currency varchar, direction varchar)""")
    return warehouse


def see(warehouse: Warehouse, *keys: str) -> None:
    with warehouse.writer() as connection:
        connection.execute("delete from marts.fct_control_violations")
        for key in keys:
            connection.execute(
                "insert into marts.fct_control_violations by name select ? as exception_id, 'USG-07' as control_id, "
                "'2026-03' as period, ? as violation_key, 'US01' as selling_entity, 5 as amount, 'USD' as currency",
                [exception_id("USG-07", key, "2026-03"), key],
            )


def test_first_seen_stays_and_what_is_gone_is_closed_with_its_facts(warehouse: Warehouse, tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        see(warehouse, "a", "b")
        assert register(warehouse, ledger, date(2026, 4, 1)) == 2
        see(warehouse, "a")
        assert register(warehouse, ledger, date(2026, 4, 3)) == 1
        rows = {row["exception_id"]: row for row in ledger.extract()["exceptions"].to_pylist()}
    a, b = (rows[exception_id("USG-07", key, "2026-03")] for key in "ab")
    assert (a["first_seen"], a["closed_on"]) == (date(2026, 4, 1), None)
    assert (b["first_seen"], b["closed_on"]) == (date(2026, 4, 1), date(2026, 4, 3))
    assert b["control_id"] == "USG-07"
    assert '"selling_entity":"US01"' in b["business_key"]
    assert '"violation_key":"b"' in b["business_key"]
