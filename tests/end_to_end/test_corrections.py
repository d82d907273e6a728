"""A month that had to be corrected, through the whole platform: rebill, credit and void, night after night."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.access import act, people
from billing_assets.access.people import Actor
from billing_assets.automation.nightly import Nightly, NotCurrent
from billing_assets.documents.explain import explain
from billing_assets.ledger import Ledger, OutboxItem
from billing_assets.publication import correction_requests
from billing_assets.publication.correction_requests import Correction
from billing_assets.publication.targets.file import FileTarget
from billing_assets.settings import Settings
from tests.end_to_end.conftest import report
from tests.end_to_end.sample import contents, drop_derived
from tests.end_to_end.world import Json, World, contract, usage

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt, pytest.mark.soak]

PRICE = {"model": "unit", "unit_price": "1"}
TAX = [{"tax_code": "sales", "rate_percent": "10", "applies_to": None, "inclusive": False}]


@dataclass
class Company:
    """A home, its landing zone and its people; a night is a whole run."""

    root: Path

    def night(self, as_of: str) -> list[str]:
        told: list[str] = []
        self.nightly(as_of, told).run()
        return told

    def nightly(self, as_of: str | None, told: list[str]) -> Nightly:
        day = date.fromisoformat(as_of) if as_of else None
        settings = Settings(
            landing=str(self.root / "landing"), home=self.home, as_of=day, threads=2, late_usage="credit_and_rebill"
        )
        return Nightly(settings, told.append)

    @property
    def home(self) -> Path:
        return self.root / "home"

    def ledger(self) -> Ledger:
        return self.nightly(None, []).ledger()

    def decide(self, what: str, correction: Correction, as_of: date) -> int:
        """Asked for by one person and approved by another; returns the request's number."""
        document = correction.document
        with self.ledger() as ledger:
            number = act.request(
                ledger, self.actors["analyst.one"], what, correction.subject, object_hash=document.content_hash,
                amount=correction.amount, currency="USD", account_id=document.account_id,
                links=[f"document:{document.document_id}"], reason="a test", as_of=as_of,
            )  # fmt: skip
            act.approve(
                ledger, self.actors["lead.one"], number, object_hash=document.content_hash, reason="agreed", as_of=as_of
            )
        return number

    def hire(self, as_of: date) -> None:
        with self.ledger() as ledger:
            admin = _actor(ledger, people.initialise(ledger, "admin.one", as_of).token, as_of)
            self.actors = {}
            for user, role in (("analyst.one", "analyst"), ("lead.one", "team_lead")):
                people.add(ledger, admin, user, "joined", as_of)
                people.grant(ledger, admin, user, role, "job", as_of)
                token = people.give_token(ledger, admin, user, "first day", as_of)
                self.actors[user] = _actor(ledger, token.token, as_of)

    def invoices(self) -> dict[str, dict[str, Any]]:
        return {
            row["document_id"]: row for row in report(self.home, "invoices") if str(row["bill_date"]) == "2026-02-01"
        }


def _actor(ledger: Ledger, token: str, as_of: date) -> Actor:
    return people.authenticate(ledger, token, as_of)


def land(root: Path, name: str, events: Sequence[Json]) -> None:
    path = root / "landing" / "usage" / "gateway" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")


@pytest.mark.usefixtures("models_only")
def test_a_month_is_corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for name, taxes in (("LATE", []), ("GOOD", TAX), ("OOPS", [])):
        world.add(contract(name, [usage("u", "calls", PRICE)], taxes=taxes))
        world.event(f"org-{name}", "calls", "2026-01-05T10:00:00Z", 100)
    world.write(tmp_path / "landing")
    company = Company(tmp_path)

    # Night 1: three invoices, and a target that takes none of them yet.
    def takes_nothing(self: FileTarget, items: Sequence[OutboxItem]) -> list[Sequence[OutboxItem]]:
        return []

    with monkeypatch.context() as patch:
        patch.setattr(FileTarget, "plan", takes_nothing)
        company.night("2026-02-02")
    assert {key: row["status"] for key, row in company.invoices().items()} == {
        f"{name}/2026-02-01/invoice/0": "issued" for name in ("GOOD", "LATE", "OOPS")
    }
    company.hire(date(2026, 2, 2))
    with company.ledger() as ledger:
        wrong = correction_requests.void(ledger, "OOPS/2026-02-01/invoice/0", "our_error")
    company.decide("void", wrong, date(2026, 2, 2))

    # Night 2: the void, its new draft in the same night, and usage that came too late for LATE.
    world.events.clear()
    world.event("org-LATE", "calls", "2026-01-31T10:00:00Z", 30)
    land(tmp_path, "late.jsonl", [event | {"id": f"late-{event['id']}"} for event in world.events])
    told = company.night("2026-02-03")
    assert any("1 voided" in line for line in told)
    invoices = company.invoices()
    assert {key: (row["status"], row["number"]) for key, row in invoices.items() if key.startswith("OOPS")} == {
        "OOPS/2026-02-01/invoice/0": ("void", "US01-INV-000003"),
        "OOPS/2026-02-01/invoice/1": ("published", "US01-INV-000004"),
    }
    published = sorted(path.name for path in (company.home / "published").rglob("OOPS*"))
    assert published == ["OOPS_2026-02-01_invoice_1.json"]
    late = open_exceptions(company, "INV-02")
    assert [(row["document_id"], row["amount"]) for row in late] == [("LATE/2026-02-01/invoice/0", Decimal(30))]
    assert unrolled(company) == []

    with company.ledger() as ledger:
        again = correction_requests.rebill(ledger, "LATE/2026-02-01/invoice/0", "late_usage")
        part = correction_requests.credit(ledger, "GOOD/2026-02-01/invoice/0", "goodwill", amount=Decimal(11))
    rebilled = company.decide("rebill", again, date(2026, 2, 3))
    company.decide("credit", part, date(2026, 2, 3))

    # At once: the credit needs no new draft, the rebill waits for the night that draws it up.
    told = []
    company.nightly(None, told).issue()
    [said] = [line for line in told if line.startswith("issued")]
    assert "1 issued (-11" in said

    # Night 3: credit memo and new invoice together.
    company.night("2026-02-04")
    invoices = company.invoices()
    shown = {
        key: (row["status"], row["total"], row["reason_code"]) for key, row in invoices.items() if "OOPS" not in key
    }
    assert shown == {
        "LATE/2026-02-01/invoice/0": ("credited", Decimal(100), None),
        "LATE/2026-02-01/credit_memo/0": ("settled", Decimal(-100), "late_usage"),
        "LATE/2026-02-01/invoice/1": ("published", Decimal(130), "late_usage"),
        "GOOD/2026-02-01/invoice/0": ("published", Decimal(110), None),
        "GOOD/2026-02-01/credit_memo/0": ("settled", Decimal(-11), "goodwill"),
    }
    assert unrolled(company) == []
    credited = report(company.home, "invoice_lines", "select * from report where document_id like 'GOOD%memo%'")
    assert [(row["corrects_line_no"], row["amount"]) for row in credited] == [(1, Decimal(-10)), (2, Decimal(-1))]

    # Night 4: nothing is owed an answer any more, and the corrections stand up to their controls.
    company.night("2026-02-05")
    assert open_exceptions(company, "INV-02") == []
    controls = report(company.home, "control_results", "select * from report where control_id like 'CRM%'")
    assert {row["status"] for row in controls} == {"pass"}
    assert {row["control_id"] for row in controls if row["population_rows"]} == {"CRM-02", "CRM-03", "CRM-04", "CRM-08"}
    assert unrolled(company) == []
    numbers = sorted(row["number"] for row in company.invoices().values())
    assert numbers == [*(f"US01-CM-00000{no}" for no in (1, 2)), *(f"US01-INV-00000{no}" for no in (1, 2, 3, 4, 5))]
    memo = explain(company.nightly(None, []).settings, "LATE/2026-02-01/credit_memo/0")
    for fact in ("US01-INV-000002", f"request {rebilled}", "user:analyst.one", "user:lead.one", "late_usage"):
        assert fact in memo
    with company.ledger() as ledger:
        assert ledger.verify() == []

    # Whatever was derived may go: the record and the evidence give the same again.
    before = contents(company.home)
    drop_derived(company.home)
    with pytest.raises(NotCurrent):
        company.nightly(None, []).issue()
    company.night("2026-02-05")
    assert contents(company.home) == before


def open_exceptions(company: Company, control_id: str) -> list[dict[str, Any]]:
    return report(
        company.home, "exceptions", f"select * from report where control_id = '{control_id}' and status = 'open'"
    )


def unrolled(company: Company) -> list[dict[str, Any]]:
    return report(company.home, "receivable_rollforward", "select * from report where difference <> 0")
