"""Usage and terms that come after their month was billed: the difference is a line of the next document."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.automation.nightly import Nightly
from billing_assets.documents.explain import explain
from billing_assets.settings import Settings
from tests.end_to_end.conftest import report
from tests.end_to_end.sample import contents, drop_derived
from tests.end_to_end.world import Json, World, contract, land, recurring, usage

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt]

UNIT = {"model": "unit", "unit_price": "1"}
TIERS = {"model": "graduated", "tiers": [{"up_to": "100", "unit_price": "1"}, {"up_to": None, "unit_price": "0.5"}]}
ADDED = [{"tax_code": "sales", "rate_percent": "10", "applies_to": None, "inclusive": False}]
INSIDE = [{"tax_code": "vat", "rate_percent": "20", "applies_to": None, "inclusive": True}]
TEN_PERCENT = [{"discount_id": "ten", "kind": "percent", "value": "10"}]
ONCE = [{"discount_id": "welcome", "kind": "amount", "value": "20", "currency": "USD", "duration": {"kind": "once"}}]
MINIMUM = [{"commitment_id": "least", "kind": "minimum_spend", "amount": "150", "window": "billing_period"}]
PROMO = [{"grant_id": "promo", "amount": "130", "unit": "currency", "kind": "promotional", "applies_to": ["u"],
          "effective_at": "2026-01-01T00:00:00Z", "expires_at": "2026-04-01T00:00:00Z"}]  # fmt: skip
TOTAL = {"rounding": {"mode": "half_up", "stage": "total"}}
FEE = {"model": "flat", "amount": "10"}
THIRD = {"model": "unit", "unit_price": "0.333"}

FIRST: list[Json] = [
    contract("TIERS", [usage("u", "calls", TIERS)], taxes=ADDED, discounts=TEN_PERCENT),
    contract("INSIDE", [usage("u", "calls", UNIT)], taxes=INSIDE),
    contract("ONCE", [usage("u", "calls", UNIT)], discounts=ONCE),
    contract("CAP", [usage("u", "calls", UNIT, maximum="100")]),
    contract("LEAST", [usage("u", "calls", UNIT, minimum="120")]),
    contract("SPEND", [usage("u", "calls", UNIT)], commitments=MINIMUM),
    contract("GROUPS", [usage("u", "calls", UNIT, group_by=["region"])]),
    contract("ROUND", [usage("a", "calls", THIRD), usage("b", "reads", THIRD)], billing=TOTAL),
    contract("ENDED", [usage("u", "calls", UNIT)], ends_on="2026-02-01"),
    contract("PROMO", [usage("u", "calls", UNIT), recurring("base", 1, FEE, timing="arrears")], credit_grants=PROMO),
    contract("PRICE", [usage("u", "calls", UNIT)]),
    contract("SEATS", [recurring("s", 10, {"model": "unit", "unit_price": "31"})]),
    contract("BELOW", [usage("u", "calls", UNIT)]),
    contract("AB", [usage("u", "calls", UNIT)]),
    contract("BA", [usage("u", "calls", UNIT)]),
]
AMENDED: list[Json] = [
    contract("PRICE", [usage("u", "calls", {"model": "unit", "unit_price": "1.25"})], version=2),
    contract("SEATS", [recurring("s", 12, {"model": "unit", "unit_price": "31"})], version=2,
             effective_from="2026-01-11"),
]  # fmt: skip


def on_time(month: str) -> list[Json]:
    """100 calls of every contract that has a meter and goes on, and two reads."""
    world = World()
    for document in FIRST:
        name = document["contract_id"]
        if name == "SEATS" or (name == "ENDED" and month != "2026-01"):
            continue
        properties = {"region": "us"} if name == "GROUPS" else {}
        world.event(f"org-{name}", "calls", f"{month}-05T10:00:00Z", 100, **properties)
    world.event("org-ROUND", "reads", f"{month}-06T10:00:00Z", 2)
    return [event | {"id": f"{event['subject']}-{event['type']}-{month}"} for event in world.events]


def _late(name: str, quantity: int, at: str = "2026-01-20T10:00:00Z", event_id: str = "", **properties: Any) -> Json:
    world = World()
    world.event(f"org-{name}", "calls", at, quantity, **properties)
    return world.events[0] | {"id": event_id or f"late-{name}-{quantity}"}


LATE_EVENTS = [
    *(_late(name, 50) for name in ("TIERS", "INSIDE", "ONCE", "CAP", "LEAST", "SPEND", "ROUND", "ENDED", "PROMO")),
    _late("GROUPS", 5, region="eu"),
    _late("AB", 30),
    _late("BA", 7),
]  # fmt: skip
LATER_EVENTS = [
    _late("AB", 7),
    _late("BA", 30),
    _late("ENDED", 3),
    _late("TIERS", 8),
    _late("BELOW", -40, event_id="fix", corrects="org-BELOW-calls-2026-01"),
]


def night(root: Path, as_of: date) -> Settings:
    settings = Settings(landing=root / "landing", home=root / "home", as_of=as_of, threads=2)
    Nightly(settings).run()
    return settings


@pytest.fixture(scope="module")
def late(models_only: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose months were billed one after another while usage and amendments came late."""
    root = tmp_path_factory.mktemp("late")
    land(root, "january.jsonl", on_time("2026-01"), FIRST)
    night(root, date(2026, 2, 2))
    land(root, "february.jsonl", [*on_time("2026-02"), *LATE_EVENTS], AMENDED)
    night(root, date(2026, 3, 2))
    land(root, "march.jsonl", [*on_time("2026-03"), *LATER_EVENTS], [])
    night(root, date(2026, 4, 2))
    return root


@pytest.fixture(scope="module")
def prompt(models_only: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which everything had landed before the first bill."""
    root = tmp_path_factory.mktemp("prompt")
    events = [event for month in ("2026-01", "2026-02", "2026-03") for event in on_time(month)]
    land(root, "all.jsonl", [*events, *LATE_EVENTS, *LATER_EVENTS], [*FIRST, *AMENDED])
    night(root, date(2026, 4, 2))
    return root


def lines(root: Path, contract_id: str, bill_date: str) -> list[tuple[Any, ...]]:
    """Kind, group, service start, quantity, amount and original period of a document's lines, in order."""
    return [
        (row["line_kind"], row["group_key"], str(row["service_from"]), row["quantity"], row["amount"],
         row["original_period"])
        for row in report(root / "home", "invoice_lines", "select * from report order by document_id, line_no")
        if row["document_id"].startswith(f"{contract_id}/{bill_date}/")
    ]  # fmt: skip


def by_service(root: Path) -> dict[tuple[str, ...], Decimal]:
    """contract, charge, group, service start -> all that was billed for it by 2 April, whatever the document."""
    billed: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    due = "select document_id from report where status <> 'draft'"
    documents = {row["document_id"] for row in report(root / "home", "invoices", due)}
    for row in report(root / "home", "invoice_lines"):
        if row["document_id"] in documents and not row["document_id"].startswith("ONCE"):
            name = row["document_id"].split("/")[0]
            billed[name, row["charge_id"], row["group_key"], str(row["service_from"])] += row["amount"]
    return {key: amount for key, amount in billed.items() if amount}


def d(text: str) -> Decimal:
    return Decimal(text)


def test_late_usage_is_one_line_of_the_next_document(late: Path) -> None:
    january = "2026-01-01"
    # 50 above the first tier at 0.5; less 10 percent, plus 10 percent tax, as every line.
    assert lines(late, "TIERS", "2026-03-01")[3:] == [
        ("adjustment", "{}", january, d("50"), d("25"), "2026-01"),
        ("discount", "{}", january, None, d("-2.5"), "2026-01"),
        ("tax", "{}", january, None, d("2.25"), "2026-01"),
    ]
    # 50 with a tax of 20 percent inside: 41.67 and 8.33
    assert lines(late, "INSIDE", "2026-03-01")[2:] == [
        ("adjustment", "{}", january, d("50"), d("41.67"), "2026-01"),
        ("tax", "{}", january, None, d("8.33"), "2026-01"),
    ]
    assert lines(late, "ONCE", "2026-03-01")[1:] == [("adjustment", "{}", january, d("50"), d("50"), "2026-01")]
    assert lines(late, "CAP", "2026-03-01") == [("usage", "{}", "2026-02-01", d("100"), d("100"), None)]
    # The charge's minimum and the contract's are topped up less as usage rises.
    assert lines(late, "LEAST", "2026-03-01")[2:] == [
        ("adjustment", "{}", january, d("50"), d("50"), "2026-01"),
        ("adjustment", "{}", january, None, d("-20"), "2026-01"),
    ]
    assert sorted(row[3:5] for row in lines(late, "SPEND", "2026-03-01")[2:]) == [
        (d("-1"), d("-50")),
        (d("50"), d("50")),
    ]
    assert lines(late, "GROUPS", "2026-03-01")[1:] == [
        ("adjustment", '{"region":"eu"}', january, d("5"), d("5"), "2026-01")
    ]


def test_amendments_dated_back(late: Path) -> None:
    assert lines(late, "PRICE", "2026-03-01")[1:] == [("adjustment", "{}", "2026-01-01", d("0"), d("25"), "2026-01")]
    # Two seats more from 11 January on: 21 days of January at a day's 2.00, and all of February.
    adjusted = [row for row in lines(late, "SEATS", "2026-03-01") if row[0] == "adjustment"]
    assert sum(row[4] for row in adjusted) == d("42") + d("62")


def test_what_came_later_still_comes_to_the_same(late: Path, prompt: Path) -> None:
    first = [lines(late, name, "2026-03-01")[1][4] for name in ("AB", "BA")]
    second = [lines(late, name, "2026-04-01")[1][4] for name in ("AB", "BA")]
    assert (first, second) == ([30, 7], [7, 30])
    assert lines(late, "BELOW", "2026-04-01")[1:] == [("adjustment", "{}", "2026-01-01", d("-40"), d("-40"), "2026-01")]
    assert by_service(late) == by_service(prompt)


def test_a_contract_billed_to_its_end_gets_a_bill_of_its_own(late: Path) -> None:
    documents = report(late / "home", "invoices", "select * from report where contract_id = 'ENDED' order by bill_date")
    assert [(str(row["bill_date"]), row["total"], row["close_period"]) for row in documents] == [
        ("2026-02-01", d("100"), "2026-01"), ("2026-03-01", d("50"), "2026-02"), ("2026-04-01", d("3"), "2026-03"),
    ]  # fmt: skip


def test_credit_is_drawn_by_what_is_left(late: Path) -> None:
    # 130: 100 by January's bill, 30 by its adjustment, which used it before February's usage did.
    assert lines(late, "PROMO", "2026-03-01") == [
        ("usage", "{}", "2026-02-01", d("100"), d("100"), None),
        ("recurring", "{}", "2026-02-01", d("1"), d("10"), None),
        ("adjustment", "{}", "2026-01-01", d("50"), d("50"), "2026-01"),
        ("credit", "{}", "2026-01-01", None, d("-30"), "2026-01"),
    ]


def test_everything_agrees_afterwards(late: Path) -> None:
    home = late / "home"
    # the amendment that replaces terms from their first day is a warning
    found = report(home, "exceptions", "select control_id, contract_id from report where status = 'open'")
    assert {(row["control_id"], row["contract_id"]) for row in found} <= {("CON-04", "PRICE"), ("PLA-02", None)}
    assert report(home, "receivable_rollforward", "select * from report where difference <> 0") == []
    assert report(home, "accruals", "select * from report where rated_after_issue_amount <> 0") == []
    before = contents(home)
    drop_derived(home)
    settings = night(late, date(2026, 4, 2))
    assert contents(home) == before
    text = explain(settings, "TIERS/2026-03-01/invoice/0", 4)
    for fact in ("TIERS/2026-02-01/invoice/0", "125", "100", "25"):
        assert fact in text
