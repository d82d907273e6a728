"""January is locked; what lands about it later goes forward, and January stays as it was: on files, night by night."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.access import act, facts
from billing_assets.access.people import Actor
from billing_assets.automation.nightly import Nightly
from billing_assets.close import frozen
from billing_assets.close.lock import Close, NotApproved, NotLockable
from billing_assets.ledger import Ledger, LedgerError
from billing_assets.settings import Settings
from tests.access.builders import staff
from tests.end_to_end.conftest import billing, report
from tests.end_to_end.world import World, contract, recurring, usage
from tests.marketplace.feeds import Feeds

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt]

_PRICE = {"model": "unit", "unit_price": "0.01"}
JANUARY = ("US01", "2026-01")
BANK = """\
value_date,booking_date,amount,currency,counterparty,reference,narrative,account
2026-01-30,2026-01-30,4.00,USD,Somebody,,paid in January and landed in February,ACC1
2026-02-03,2026-02-03,10.00,USD,Account of STEADY,,payment of US01-INV-000001,ACC1
"""


def aws_feeds(corrected: bool = False) -> Feeds:
    """January's usage of one agreement, invoiced at the month's end; corrected by AWS in February from 100 to 90."""
    feeds = Feeds()
    feeds.add(
        "agreementfeed", seen="2026-01-01T00:00:00Z", agreement_id="agmt-1", acceptor_account_id="buyer",
        offer_id="offer-1", start_time="2026-01-01T00:00:00Z", end_time="2026-12-31T23:59:59Z",
        acceptance_time="2026-01-01T00:00:00Z", intent="NEW", status="ACTIVE", estimated_agreement_value="0",
        currency_code="USD", catalog="AWSMarketplace",
    )  # fmt: skip
    billed = {
        "action": "INVOICED", "currency": "USD", "balance_impacting": "0", "invoice_date": "2026-01-31T00:00:00Z",
        "payment_due_date": "2026-03-02T00:00:00Z", "usage_period_start_date": "2026-01-01T00:00:00Z",
        "usage_period_end_date": "2026-01-31T23:59:59Z", "invoice_id": "5001", "transaction_reference_id": "ref-1",
        "agreement_id": "agmt-1", "offer_id": "offer-1", "end_user_account_id": "buyer", "from_account_id": "buyer",
        "to_account_id": "seller", "product_id": "prod-1", "broker_id": "AWS_INC", "catalog": "AWSMarketplace",
        "action_date": "2026-01-31T00:00:00Z",
    }  # fmt: skip
    gross = billed | {"billing_event_id": "event-1", "transaction_type": "SELLER_REV_SHARE"}
    feeds.event(seen="2026-01-31T06:00:00Z", **gross, amount="100.00")
    fee = {"billing_event_id": "event-2", "transaction_type": "AWS_REV_SHARE", "amount": "-3.00"}
    feeds.event(seen="2026-01-31T06:00:00Z", **billed | fee)
    if corrected:
        feeds.event(
            seen="2026-01-31T06:00:00Z", **gross, amount="90.00", update_date="2026-02-03T06:00:00Z",
        )  # fmt: skip
    return feeds


@dataclass
class Home:
    """A home with its people; `steps` keeps what a later test wants to know of an earlier night."""

    root: Path
    people: dict[str, Actor] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)

    def night(self, day: date) -> Nightly:
        return Nightly(Settings(landing=self.root / "landing", home=self.home, as_of=day, threads=2))

    @property
    def home(self) -> Path:
        return self.root / "home"

    def closing(self, day: date, ledger: Ledger) -> Close:
        night = self.night(day)
        return Close(night.settings, night.warehouse(), ledger, night.identity(ledger))

    def report(self, name: str, entity: str = "US01", period: str = "2026-01") -> list[dict[str, Any]]:
        rows = report(self.home, name)
        return sorted(
            (row for row in rows if row["selling_entity"] == entity and row["period"] == period),
            key=lambda row: json.dumps(row, default=str, sort_keys=True),
        )

    def closed(self) -> dict[str, bytes]:
        folder = self.home / "reports" / "closed"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def land(root: Path) -> None:
    world = World()
    tokens = usage("tokens", "tokens", _PRICE)
    world.add(
        contract("STEADY", [tokens]),
        contract("SILENT", [tokens]),
        contract("ENDED", [tokens], ends_on="2026-01-15"),
        contract(
            "CLOUD",
            [tokens],
            channel="aws_marketplace",
            marketplace={
                "agreement_id": "agmt-1",
                "offer_id": "offer-1",
                "product_id": "prod-1",
                "product_code": "code",
                "customer_account_id": "472524059830",
                "metering": {"dimension": "usage_fee", "unit_amount": "0.01", "decimals": 0},
            },
        ),
        contract("GERMAN", [recurring("base", 1, {"model": "flat", "amount": "10"})], selling_entity="DE01"),
    )
    world.event("A-STEADY", "tokens", "2026-01-10T10:00:00Z", 1_000)
    world.event("A-STEADY", "tokens", "2026-02-02T10:00:00Z", 100)
    world.event("A-CLOUD", "tokens", "2026-01-10T10:00:00Z", 10_000)
    world.files = aws_feeds().files()
    world.write(root / "landing")


def land_late(root: Path) -> None:
    """Usage of January for a contract that was billed, one that had nothing to bill and one that had ended, AWS's
    correction of a billing event, and a late statement."""
    late = World()
    late.event("A-STEADY", "tokens", "2026-01-20T10:00:00Z", 250)
    late.event("A-SILENT", "tokens", "2026-01-21T10:00:00Z", 700)
    late.event("A-ENDED", "tokens", "2026-01-22T10:00:00Z", 5)
    lines = "".join(json.dumps(event | {"source": "/gateway-2"}) + "\n" for event in late.events)
    (root / "landing" / "usage" / "gateway" / "late.jsonl").write_text(lines, encoding="utf-8")
    aws_feeds(corrected=True).write(root / "landing")
    (root / "landing" / "bank").mkdir()
    (root / "landing" / "bank" / "february.csv").write_text(BANK, encoding="utf-8")


def waive_late_usage(at: Home, ledger: Ledger, day: date) -> list[str]:
    """What January's controls found since its lock: an analyst asks, the CFO accepts that February corrects it."""
    found = [
        row for row in report(at.home, "exceptions") if row["status"] == "open" and row["selling_entity"] == "US01"
    ]
    for row in found:
        with at.night(day).warehouse().reader() as connection:
            thing = facts.violation(connection, row["exception_id"])
        number = act.request(
            ledger, at.people["analyst.one"], "waiver",
            {"exception_id": row["exception_id"], "amount": str(thing.amount), "row_hash": thing.object_hash},
            object_hash=thing.object_hash, amount=abs(thing.amount or Decimal(0)), currency=thing.currency,
            account_id=thing.account_id, links=thing.links, reason="credited with February", as_of=day,
            expires_on=day + timedelta(days=7),
        )  # fmt: skip
        act.approve(ledger, at.people["cfo.one"], number, object_hash=thing.object_hash, reason="seen", as_of=day)
    return [row["control_id"] for row in found if (row["selling_entity"], row["period"]) == JANUARY]


@pytest.fixture(scope="module")
def home(models_only: None, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two contracts of US01 through: soft close, lock, late landing, rebuild, reopening, second lock."""
    at = Home(tmp_path_factory.mktemp("locked_months"))
    third, fourth, fifth = date(2026, 2, 3), date(2026, 2, 4), date(2026, 2, 5)
    land(at.root)
    at.night(third).run()
    with at.night(third).ledger() as ledger:
        roles: dict[str, str | tuple[str, ...]] = {
            "controller.one": "controller",
            "controller.two": "controller",
            "cfo.one": "cfo",
            "analyst.one": "analyst",
        }
        at.people = staff(ledger, roles, third)
        controller = at.people["controller.one"]
        with pytest.raises(LedgerError, match="next is billing period soft-close"):
            at.closing(third, ledger).lock(controller, *JANUARY, "month end")
        at.closing(third, ledger).soft_close(controller, *JANUARY, "month end")
        with pytest.raises(NotLockable, match="last finished run is not of what the record") as stale:
            at.closing(third, ledger).lock(controller, *JANUARY, "too soon")
        at.steps["stale"] = str(stale.value)
    at.night(third).run()
    with at.night(third).ledger() as ledger:
        at.closing(third, ledger).lock(at.people["controller.one"], *JANUARY, "reviewed")
    at.steps["locked"] = at.closed()
    at.steps["results"] = at.report("control_results")
    at.steps["rollforward"] = at.report("receivable_rollforward")

    land_late(at.root)
    at.night(fourth).run()
    at.steps["after late"] = at.closed(), at.report("control_results"), at.report("receivable_rollforward")
    at.steps["invoices"] = report(at.home, "invoices")
    at.steps["lines"] = report(at.home, "invoice_lines")
    at.steps["february"] = at.report("receivable_rollforward", period="2026-02")
    at.steps["reconciliation"] = at.report("reconciliation")
    at.steps["readiness"] = report(at.home, "readiness")
    at.steps["kpis"] = report(at.home, "kpis")

    for name in ("reports", "lake"):
        shutil.rmtree(at.home / name)
    (at.home / "warehouse.duckdb").unlink()
    at.night(fourth).run()
    at.steps["rebuilt"] = at.closed(), at.report("control_results"), at.report("receivable_rollforward")
    at.steps["rebuilt february"] = at.report("receivable_rollforward", period="2026-02")

    with at.night(fourth).ledger() as ledger:
        closing = at.closing(fourth, ledger)
        with pytest.raises(NotApproved):
            closing.reopen(at.people["controller.one"], *JANUARY, "an invoice was left out")
        thing = facts.month(ledger, *JANUARY)
        request_no = act.request(
            ledger, at.people["controller.one"], "period_reopen", {"selling_entity": "US01", "period": "2026-01"},
            object_hash=thing.object_hash, amount=None, currency=None, account_id=None, links=thing.links,
            reason="an invoice was left out", as_of=fourth,
        )  # fmt: skip
        for user in ("cfo.one", "controller.two"):
            with pytest.raises(NotApproved):
                at.closing(fourth, ledger).reopen(at.people["controller.one"], *JANUARY, "an invoice was left out")
            act.approve(ledger, at.people[user], request_no, object_hash=thing.object_hash, reason="seen", as_of=fourth)
        at.closing(fourth, ledger).reopen(at.people["controller.one"], *JANUARY, "an invoice was left out")
        at.closing(fourth, ledger).soft_close(at.people["controller.one"], *JANUARY, "again")
        at.steps["waived"] = waive_late_usage(at, ledger, fourth)
    at.night(fifth).run()
    with at.night(fifth).ledger() as ledger:
        at.closing(fifth, ledger).lock(at.people["controller.one"], *JANUARY, "reviewed again")
    return at


def test_a_lock_on_a_run_of_another_record_is_refused(home: Home) -> None:
    assert "billing run" in home.steps["stale"]


def test_the_lock_writes_every_report_of_the_month(home: Home) -> None:
    names = set(home.steps["locked"])
    assert names == {
        f"US01/2026-01.v1/{name}"
        for name in (
            "manifest.json", "invoices.csv", "invoice_lines.csv", "credit_balances.csv", "control_results.csv",
            "exceptions.csv", "gate.csv", "reconciliation.csv", "receivable_rollforward.csv", "marketplace_lines.csv",
            "publications.csv", "kpis.csv",
        )
    }  # fmt: skip
    invoices = home.steps["locked"]["US01/2026-01.v1/invoices.csv"].decode().splitlines()
    assert len(invoices) == 3, "the invoice and the AWS statement of US01, none of DE01"
    manifest = json.loads(home.steps["locked"]["US01/2026-01.v1/manifest.json"])
    assert (manifest["locked_by"], manifest["version"]) == ("user:controller.one", 1)


def test_january_keeps_its_bytes_its_results_and_its_balances_whatever_lands(home: Home) -> None:
    closed, results, rollforward = home.steps["after late"]
    assert closed == home.steps["locked"]
    assert results == home.steps["results"]
    assert rollforward == home.steps["rollforward"]


def test_deleting_all_that_can_be_computed_gives_the_same_january(home: Home) -> None:
    assert home.steps["rebuilt"] == home.steps["after late"]
    assert home.steps["rebuilt february"] == home.steps["february"]


def test_what_january_did_not_bill_is_billed_in_february_and_says_where_it_is_from(home: Home) -> None:
    [silent] = [row for row in home.steps["invoices"] if row["contract_id"] == "SILENT" and row["status"] != "draft"]
    assert (silent["bill_date"], silent["close_period"], silent["total"]) == (date(2026, 2, 1), "2026-02", Decimal(7))
    assert silent["number"] is not None
    lines = [row for row in home.steps["lines"] if row["document_id"] == silent["document_id"]]
    assert [(line["amount"], line["original_period"]) for line in lines] == [(Decimal(7), "2026-01")]
    [steady] = [
        row for row in home.steps["invoices"] if row["contract_id"] == "STEADY" and row["bill_date"] == date(2026, 2, 1)
    ]
    assert (steady["close_period"], steady["total"]) == ("2026-01", Decimal(10)), "what is of the record stays"
    adjusted = [row for row in home.steps["lines"] if row["line_kind"] == "adjustment"]
    assert [
        (row["document_id"], row["service_from"], row["quantity"], row["amount"], row["original_period"])
        for row in adjusted
    ] == [
        ("STEADY/2026-03-01/invoice/0", date(2026, 1, 1), Decimal(250), Decimal("2.5"), "2026-01")
    ]  # fmt: skip


def test_a_late_correction_by_aws_is_a_movement_of_february_and_a_break_of_january(home: Home) -> None:
    closed = home.steps["after late"][0]["US01/2026-01.v1/marketplace_lines.csv"].decode()
    assert ",100.00," in closed, "as it was locked"
    [january] = [row for row in home.steps["rollforward"] if row["kind"] == "marketplace"]
    [february] = [row for row in home.steps["february"] if row["kind"] == "marketplace"]
    assert (january["invoiced"], january["closing"]) == (Decimal(97), Decimal(97))
    assert (february["opening"], february["invoiced"], february["closing"]) == (Decimal(97), Decimal(-10), Decimal(87))
    found = {
        (row["comparison"], row["break_code"], row["difference"])
        for row in home.steps["reconciliation"]
        if row["status"] == "break"
    }
    assert found == {("usage", "B20", Decimal(10)), ("listing_fee", "B08", Decimal("0.3"))}, "AWS kept its fee of 3.00"


def test_february_opens_with_what_january_closed_and_takes_the_late_movements(home: Home) -> None:
    january = {row["kind"]: row for row in home.steps["rollforward"]}
    february = {row["kind"]: row for row in home.steps["february"]}
    for kind, row in january.items():
        assert february[kind]["opening"] == row["closing"], kind
    assert {row["difference"] for row in home.steps["february"]} == {Decimal(0)}
    # 2.50 more for the contract that was billed; a receipt with a date in January
    assert february["unbilled"]["rated"] >= Decimal("2.5")
    assert february["unapplied"]["received"] == Decimal(14)
    assert "unapplied" not in january


def test_what_is_found_about_january_after_its_lock_is_an_exception_of_january(home: Home) -> None:
    assert sorted(home.steps["waived"]) == ["MKT-04", "MKT-05", "USG-08"]
    results = {row["control_id"]: row["status"] for row in home.steps["after late"][1]}
    assert {results[control] for control in home.steps["waived"]} == {"pass"}, "as it was found at the lock"


def test_readers_see_that_the_month_is_locked(home: Home) -> None:
    states = {(row["selling_entity"], row["period"]): row["period_state"] for row in home.steps["readiness"]}
    assert states[JANUARY] == "locked"
    assert states["US01", "2026-02"] == "open"
    assert states["DE01", "2026-01"] == "open"
    [days] = [row for row in home.steps["kpis"] if row["kpi_id"] == "close_days"]
    assert (days["period"], days["scope"], days["value"]) == ("2026-01", "US01", Decimal(2))


def test_a_reopened_month_has_a_second_version_beside_the_first(home: Home) -> None:
    closed = home.closed()
    assert {name: content for name, content in closed.items() if "/2026-01.v1/" in name} == home.steps["locked"]
    assert {name.split("/")[1] for name in closed} == {"2026-01.v1", "2026-01.v2"}
    with home.night(date(2026, 2, 5)).ledger() as ledger:
        assert ledger.period_states()[JANUARY].version == 2
        assert ledger.verify() == []


def test_verify_finds_a_changed_copy_and_lost_evidence(home: Home) -> None:
    assert billing("period", "verify", "--home", home.home).stdout == "0 faults\n"
    copy = home.home / "reports" / "closed" / "US01" / "2026-01.v1" / "invoices.csv"
    before = copy.read_bytes()
    copy.write_bytes(before.replace(b"10", b"11", 1))
    refused = billing("period", "verify", "US01", "2026-01", "--home", home.home, check=False)
    assert (refused.returncode, "invoices.csv is not what was locked" in refused.stdout) == (1, True)
    copy.write_bytes(before)
    night = home.night(date(2026, 2, 5))
    with night.ledger() as ledger:
        [result] = [r for r in ledger.period_results()["US01", "2026-01", 2] if r.report == "control_results"]
        kept = night.settings.evidence_path / result.sha256
        content = kept.read_bytes()
        kept.write_bytes(content + b"one more row")
        try:
            assert any("not what the record says" in fault for fault in frozen.verify(night.settings, ledger))
            with night.warehouse().writer() as connection, pytest.raises(frozen.FrozenLost, match="restore a backup"):
                frozen.read_back(night.settings, ledger, connection)
        finally:
            kept.write_bytes(content)
        assert frozen.verify(night.settings, ledger) == []


def test_status_prints_state_version_who_and_when(home: Home) -> None:
    said = billing("period", "status", "--entity", "US01", "--home", home.home).stdout
    assert "US01 2026-01  locked" in said
    assert "version 2  locked on 2026-02-05 by user:controller.one" in said
