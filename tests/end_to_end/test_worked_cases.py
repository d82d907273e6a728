"""Contracts worked by hand, through the whole platform: landed files in, invoices out, equal to the cent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import billing, report
from tests.end_to_end.worked_cases import CASES, Case, worked_world

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt]
AS_OF = "2026-03-03"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("worked")
    worked_world().write(root / "landing")
    billing("run", "--landing", root / "landing", "--home", root / "home", "--as-of", AS_OF)
    return root / "home"


@pytest.fixture(scope="module")
def invoices(home: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {case.name: [] for case in CASES}
    for row in report(home, "invoices", "select * from report where bill_date <= date '2026-03-03' order by bill_date"):
        found[row["contract_id"]].append(row)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bills_are_the_worked_ones(case: Case, invoices: dict[str, list[dict[str, Any]]]) -> None:
    got = {str(row["bill_date"]): row["total"] for row in invoices[case.name]}
    assert got == {day: Decimal(total) for day, total in case.bills.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_only_the_planted_cases_are_held(case: Case, invoices: dict[str, list[dict[str, Any]]]) -> None:
    for row in invoices[case.name]:
        # What credits paid in full is settled without any cash.
        delivered = "settled" if row["total"] == row["paid_from_credits"] else "published"
        assert row["status"] == ("held" if case.held else delivered)


def test_lines_add_up_to_the_total(home: Path) -> None:
    lines = report(home, "invoice_lines", "select document_id, sum(amount) as total from report group by 1")
    totals = {row["document_id"]: row["total"] for row in report(home, "invoices")}
    assert {row["document_id"]: row["total"] for row in lines} == totals


def test_prepaid_usage_is_paid_from_its_grant(invoices: dict[str, list[dict[str, Any]]]) -> None:
    paid = {str(row["bill_date"]): row["paid_from_credits"] for row in invoices["prepaid"]}
    assert paid == {"2026-01-01": Decimal(0), "2026-02-01": Decimal(300), "2026-03-01": Decimal(700)}


def test_numbers_are_gapless_per_entity_and_kind(home: Path) -> None:
    numbers = [row["number"] for row in report(home, "invoices") if row["number"]]
    assert sorted(numbers) == [f"US01-INV-{n:06d}" for n in range(1, len(numbers) + 1)]


def test_the_same_run_again_has_nothing_to_do(home: Path) -> None:
    before = {path.name: path.read_bytes() for path in (home / "reports").iterdir()}
    done = billing("run", "--landing", home.parent / "landing", "--home", home, "--as-of", AS_OF)
    assert "nothing to do" in done.stdout
    assert before == {path.name: path.read_bytes() for path in (home / "reports").iterdir()}


def test_a_document_is_explained_down_to_its_files(home: Path, invoices: dict[str, list[dict[str, Any]]]) -> None:
    number = invoices["graduated"][0]["number"]
    said = billing("explain", number, "--home", home).stdout
    for fact in ("107.00", "graduated", "2026-01-05", "usage/gateway/events.jsonl", "contracts/graduated-v1.json"):
        assert fact in said


def test_the_ledger_verifies(home: Path) -> None:
    assert "0 faults" in billing("audit", "verify", "--home", home).stdout.splitlines()
