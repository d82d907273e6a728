"""A running business moves in on 2026-02-01 and bills February: what it brought along goes on without a break."""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing_assets.automation.nightly import Nightly
from billing_assets.landing.opening import COLUMNS
from billing_assets.settings import Settings
from tests.end_to_end.conftest import billing, report
from tests.end_to_end.world import Json, World, contract, recurring, usage

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt]

_PRICE = {"model": "unit", "unit_price": "0.01"}
_NEW_CREDIT = {
    "grant_id": "new", "amount": "1000", "unit": "currency", "kind": "purchased",
    "effective_at": "2026-02-10T00:00:00Z", "expires_at": "2026-12-01T00:00:00Z", "priority": 2,
}  # fmt: skip


def opening(kind: str, **said: str) -> dict[str, str]:
    return {"kind": kind, "as_of": "2026-02-01", "selling_entity": "US01", **said}


def owed(number: str, amount: str, document_kind: str = "invoice") -> dict[str, str]:
    return opening(
        "receivable", account_id="A-MOVED", document_kind=document_kind, number=number, currency="USD", amount=amount,
        issue_date="2026-01-11", due_date="2026-02-10",
    )  # fmt: skip


FIRST = [
    owed("US01-INV-000416", "120.50"),
    owed("4711", "80.00"),
    owed("CM-9", "-20.00", "credit_memo"),
    opening("wallet", contract_id="MOVED", grant_id="old", grant_kind="purchased", currency="USD", amount="200",
            priority="1"),
    opening("wallet", contract_id="NOBODY", grant_id="x", grant_kind="commit", currency="USD", amount="33"),
    opening("unapplied", account_id="A-MOVED", number="RCPT-1", currency="USD", amount="7"),
    opening("deferred", contract_id="MOVED", number="4600", currency="USD", amount="900", service_from="2025-07-01",
            service_to="2026-07-01"),
    opening("carry", contract_id="MOVED", meter="tokens", quantity="0.375"),
    opening("number", document_kind="invoice", next_number="418"),
]  # fmt: skip
LATER = [
    opening("number", document_kind="invoice", next_number="500"),
    opening("number", document_kind="invoice", next_number="55") | {"selling_entity": "EU01"},
]
BANK = """\
value_date,booking_date,amount,currency,counterparty,reference,narrative,account
2026-01-20,2026-01-20,80.00,USD,Customer of 4711,4711,paid to the former system,ACC1
2026-02-12,2026-02-12,120.50,USD,Customer of 416,,payment of US01-INV-000416,ACC1
2026-03-02,2026-03-02,60.00,USD,Customer of 4711,4711,,ACC1
"""


def write_openings(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def moved_in() -> World:
    world = World()
    begins: Json = {"starts_on": "2026-02-01", "billing": {"anchor_date": "2026-02-01"}}
    tokens = usage("tokens", "tokens", _PRICE)
    world.add(
        contract("MOVED", [tokens], credit_grants=[_NEW_CREDIT], **begins),
        contract("PLAIN", [tokens], **begins),
        contract("EUROPE", [recurring("base", 1, {"model": "flat", "amount": "10"})], selling_entity="EU01", **begins),
    )
    world.event("A-PLAIN", "tokens", "2026-02-02T10:00:00Z", 1_000)
    return world


@pytest.fixture(scope="module")
def nights(models_only: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """The home after March began, and what the reports said as February began."""
    root = tmp_path_factory.mktemp("cut_over")
    landing, home = root / "landing", root / "home"
    moved_in().write(landing)
    write_openings(landing / "opening" / "cut_over.csv", FIRST)
    Nightly(Settings(landing=landing, home=home, as_of=date(2026, 2, 3), threads=2)).run()
    february = {name: report(home, name) for name in ("receivable_rollforward", "accruals", "exceptions")}
    write_openings(landing / "opening" / "later.csv", LATER)
    (landing / "bank").mkdir()
    (landing / "bank" / "march.csv").write_text(BANK, encoding="utf-8")
    late = World()
    for subject, time, quantity in (
        ("A-MOVED", "2026-02-05T10:00:00Z", 15_000),
        ("A-MOVED", "2026-02-20T10:00:00Z", 15_000),
        ("A-PLAIN", "2026-02-20T10:00:00Z", 4_000),
        ("A-PLAIN", "2026-03-02T10:00:00Z", 500),
    ):
        late.event(subject, "tokens", time, quantity)
    lines = "".join(json.dumps(event | {"source": "/gateway-2"}) + "\n" for event in late.events)
    (landing / "usage" / "gateway" / "later.jsonl").write_text(lines, encoding="utf-8")
    Nightly(Settings(landing=landing, home=home, as_of=date(2026, 3, 3), threads=2)).run()
    return home, february


def rolled(rows: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Decimal]]:
    """Month -> movements that are not zero, of US01."""
    names = ("opening", "brought_forward", "invoiced", "paid_from_credits", "collected", "received", "applied",
             "granted", "used", "closing", "difference")  # fmt: skip
    return {
        row["period"]: {name: row[name] for name in names if row[name]}
        for row in rows
        if row["kind"] == kind and row["selling_entity"] == "US01"
    }


def amounts(**said: str) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in said.items()}


def test_the_cut_over_month_opens_with_what_was_brought_along(
    nights: tuple[Path, dict[str, list[dict[str, Any]]]],
) -> None:
    rows = nights[1]["receivable_rollforward"]
    assert rolled(rows, "ar") == {"2026-02": amounts(brought_forward="180.50", closing="180.50")}
    assert rolled(rows, "wallet") == {"2026-02": amounts(brought_forward="200", closing="200")}
    assert rolled(rows, "unapplied") == {"2026-02": amounts(brought_forward="7", closing="7")}
    assert rolled(rows, "deferred") == {"2026-02": amounts(brought_forward="900", closing="900")}


def test_each_month_goes_on_from_the_one_before(nights: tuple[Path, dict[str, list[dict[str, Any]]]]) -> None:
    rows = report(nights[0], "receivable_rollforward")
    assert rolled(rows, "ar") == {
        "2026-02": amounts(brought_forward="180.50", collected="120.50", closing="60"),
        "2026-03": amounts(opening="60", invoiced="350", paid_from_credits="300", collected="60", closing="50"),
    }
    assert rolled(rows, "wallet") == {
        "2026-02": amounts(brought_forward="200", granted="1000", used="300", closing="900"),
        "2026-03": amounts(opening="900", closing="900"),
    }
    # cash booked before the cut-over is the former system's: here it waits
    assert rolled(rows, "unapplied") == {
        "2026-01": amounts(received="80", closing="80"),
        "2026-02": amounts(opening="80", brought_forward="7", received="120.50", applied="120.50", closing="87"),
        "2026-03": amounts(opening="87", received="60", applied="60", closing="87"),
    }
    assert rolled(rows, "deferred")["2026-03"] == amounts(opening="900", closing="900")


def test_every_item_is_open_by_what_was_brought_and_what_was_paid(
    nights: tuple[Path, dict[str, list[dict[str, Any]]]],
) -> None:
    with duckdb.connect(str(nights[0] / "reporting.duckdb"), read_only=True) as connection:
        items = connection.execute(
            "select number, collected, open_amount, days_past_due from marts.fct_receivables_ageing "
            "where selling_entity = 'US01' order by number"
        ).fetchall()
    paid = Decimal(0)
    assert [row for row in items if not row[0].startswith("US01-INV-00041")] == [
        ("4711", Decimal(60), Decimal(20), 21),
        ("CM-9", paid, Decimal(-20), 21),
    ]
    by_number = {row[0]: row[1:3] for row in items}
    assert by_number["US01-INV-000416"] == (Decimal("120.50"), Decimal(0))
    assert sum(row[2] for row in items) == Decimal(50)


def test_numbers_go_on_and_a_later_start_is_refused_in_sight(
    nights: tuple[Path, dict[str, list[dict[str, Any]]]],
) -> None:
    home, february = nights
    invoices = report(home, "invoices", "select * from report where number is not null order by number")
    assert [row["number"] for row in invoices] == [
        "EU01-INV-000001", "EU01-INV-000002", "US01-INV-000418", "US01-INV-000419",
    ]  # fmt: skip
    assert "0 faults" in billing("audit", "verify", "--home", home).stdout.splitlines()
    found, now = (
        sorted(json.loads(row["evidence"])["opening_id"] for row in rows if row["control_id"] == "OPN-01")
        for rows in (february["exceptions"], report(home, "exceptions"))
    )
    unknown, refused = "opening/US01/wallet/NOBODY/x", "opening/EU01/invoice"
    assert found == [unknown]
    assert now == [refused, unknown]
    quarantined = report(home, "quarantine", "select path, code, line from report")
    assert quarantined == [{"path": "opening/later.csv", "code": "conflict", "line": 2}]


def test_credit_that_was_brought_along_burns_first(nights: tuple[Path, dict[str, list[dict[str, Any]]]]) -> None:
    balances = report(nights[0], "credit_balances", "select * from report where period = '2026-02'")
    assert {row["grant_id"]: (row["granted"], row["used"], row["closing"]) for row in balances} == {
        "old": (Decimal(200), Decimal(200), Decimal(0)),
        "new": (Decimal(1000), Decimal(100), Decimal(900)),
    }


def test_what_is_rated_and_not_billed_is_accrued(nights: tuple[Path, dict[str, list[dict[str, Any]]]]) -> None:
    def accrued(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        names = ("contract_id", "service_period", "accrued_amount", "not_due_amount", "first_cause")
        return [tuple(row[name] for name in names) for row in rows]

    ten, five = Decimal(10), Decimal(5)
    assert accrued(nights[1]["accruals"]) == [("PLAIN", "2026-02", ten, ten, "due on 2026-03-01")]
    assert accrued(report(nights[0], "accruals")) == [("PLAIN", "2026-03", five, five, "due on 2026-04-01")]
