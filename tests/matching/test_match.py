"""Matching as a step: what it reads from the warehouse, what it writes, and that it needs neither bank nor ledger."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.landing import tables
from billing_assets.matching.match import match
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

AS_OF = date(2026, 4, 3)
FEED = {
    "transaction_type": "DISBURSEMENT",
    "action": "DISBURSED",
    "invoice_date": "2026-03-30 00:00:00",
    "currency": "USD",
    "file_sequence": 1,
    "line": 2,
}


class Home:
    """A warehouse with the raw tables that matching reads."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, landing=folder, as_of=AS_OF)
        self.warehouse = Warehouse(self.settings.warehouse_path, threads=1)
        with self.warehouse.writer() as connection:
            tables.create(connection)

    def add(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        with self.warehouse.writer() as connection:
            connection.execute(f"insert into {table} ({names}) values ({marks})", list(values.values()))

    def entry(self, entry_id: str, amount: str, narrative: str, booked: date = date(2026, 4, 1), **said: Any) -> None:
        values = {"account": "A1", "value_date": booked, "booking_date": booked, "currency": "USD"} | said
        self.add("raw_bank.entries", entry_id=entry_id, amount=Decimal(amount), narrative=narrative, **values)

    def event(self, billing_event_id: str, amount: str, **said: Any) -> None:
        values = FEED | said
        self.add(
            "raw_marketplace.billingeventfeed", billing_event_id=billing_event_id, amount=Decimal(amount), **values
        )

    def issue(self, document_id: str, number: str, total: str, paid_from_credits: str = "0", **said: Any) -> None:
        with self.warehouse.writer() as connection:
            connection.execute("create schema if not exists raw_ledger")
            connection.execute(
                "create table if not exists raw_ledger.issued_documents (document_id varchar, number varchar,"
                " kind varchar, currency varchar, issue_date date, total decimal(38,12),"
                " paid_from_credits decimal(38,12), corrects_document_id varchar, voided_on date)"
            )
            connection.execute(
                "insert into raw_ledger.issued_documents values (?, ?, ?, 'USD', ?, ?, ?, ?, ?)",
                [
                    document_id,
                    number,
                    said.get("kind", "invoice"),
                    said.get("issue_date", date(2026, 3, 2)),
                    Decimal(total),
                    Decimal(paid_from_credits),
                    said.get("corrects_document_id"),
                    said.get("voided_on"),
                ],
            )

    def applications(self) -> list[tuple[Any, ...]]:
        return self.query(
            "select entry_id, target_kind, target_id, rung, rule_version, amount, currency, applied_on"
            " from raw_match.applications order by all"
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.reader() as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_nothing_landed_and_nothing_issued_is_no_error(home: Home) -> None:
    summary = match(home.settings, home.warehouse)
    assert (summary.entries, summary.applications) == (0, 0)
    home.entry("e1", "5", "hello")
    assert str(match(home.settings, home.warehouse)).startswith("1 bank entries: 0 applied")


def test_invoices_are_paid_less_what_credits_paid(home: Home) -> None:
    home.issue("D1", "US01-INV-000007", "100", "30")
    home.entry("e1", "80", "US01-INV-000007")
    match(home.settings, home.warehouse)
    assert home.applications() == [("e1", "invoice", "D1", "number", 1, Decimal(70), "USD", date(2026, 4, 1))]
    assert home.query("select classification, status, applied, unapplied, candidates from raw_match.entries") == [
        ("customer_receipt", "partly_applied", Decimal(70), Decimal(10), '[{"kind": "invoice", "id": "D1"}]')
    ]


def test_what_is_booked_after_the_business_date_waits(home: Home) -> None:
    home.add("raw.run_context", as_of=AS_OF)
    home.issue("D1", "US01-INV-000007", "100")
    home.entry("e1", "100", "US01-INV-000007", booked=date(2026, 4, 4))
    assert match(home.settings, home.warehouse).entries == 0


def test_payouts_are_read_in_their_latest_version_and_in_the_banks_currency(home: Home) -> None:
    home.event("P1", "90", update_date="2026-03-30 00:00:00", bank_trace_id="TRACE0001")
    home.event(
        "P1", "100", update_date="2026-03-31 00:00:00", bank_trace_id="TRACE0001", line=3,
        disbursement_amount=Decimal("91.505"), disbursement_currency="EUR",
    )  # fmt: skip
    home.event("P2", "70", bank_trace_id="TRACE0002", dropped_on="2026-04-01")
    home.event("P3", "60", bank_trace_id="TRACE0003", delete_date="2026-04-01 00:00:00")
    home.entry("e1", "91.51", "ACH TRACE0001", currency="EUR")
    home.entry("e2", "70", "ACH TRACE0002")
    home.entry("e3", "60", "ACH TRACE0003")
    match(home.settings, home.warehouse)
    assert [row[:6] for row in home.applications()] == [("e1", "payout", "P1", "trace_id", 1, Decimal("91.51"))]


@pytest.mark.parametrize("placeholder", ["EMEA_MP_TEST_TRACE_ID", "testTraceId"])
def test_a_placeholder_names_no_payout(home: Home, placeholder: str) -> None:
    home.event("P1", "90", bank_trace_id=placeholder)
    home.entry("e1", "80", placeholder)
    match(home.settings, home.warehouse)
    assert home.applications() == []


def test_a_failed_payout_leaves_its_amount_to_the_one_sent_again(home: Home) -> None:
    home.event("P1", "90", invoice_date="2026-03-26 00:00:00")
    home.event(
        "F1", "-90", transaction_type="DISBURSEMENT_FAILURE", parent_billing_event_id="P1",
        invoice_date="2026-03-27 00:00:00",
    )  # fmt: skip
    home.event("P2", "90", invoice_date="2026-03-31 00:00:00")
    home.entry("e1", "90", "AWS")
    match(home.settings, home.warehouse)
    assert [row[2:4] for row in home.applications()] == [("P2", "amount")]


def test_matching_again_replaces_what_it_wrote(home: Home) -> None:
    home.issue("D1", "US01-INV-000007", "100")
    home.entry("e1", "100", "US01-INV-000007")
    first = match(home.settings, home.warehouse)
    assert match(home.settings, home.warehouse) == first
    assert len(home.applications()) == 1


def test_a_document_brought_along_is_settled_from_its_cut_over_on(home: Home) -> None:
    owed = {"kind": "receivable", "selling_entity": "US01", "document_kind": "invoice", "currency": "USD"}
    owed |= {"issue_date": date(2026, 1, 5), "amount": Decimal(100)}
    home.add("raw_opening.balances", number="4711", as_of=date(2026, 4, 1), **owed)
    home.add("raw_opening.balances", number="4712", as_of=date(2026, 5, 1), **owed)  # its cut-over is to come
    home.entry("paid", "40", "", reference="4711")
    home.entry("early", "30", "", reference="4711", booked=date(2026, 3, 31))
    home.entry("ahead", "20", "", reference="4712")
    match(home.settings, home.warehouse)
    assert [row[:4] for row in home.applications()] == [("paid", "invoice", "opening/US01/invoice/4711", "reference")]


def test_cash_by_amount_is_not_for_what_was_voided_or_credited_in_full(home: Home) -> None:
    home.issue("V", "US01-INV-000001", "100", voided_on=date(2026, 3, 3))
    home.issue("C", "US01-INV-000002", "200")
    memo = {"kind": "credit_memo", "issue_date": date(2026, 3, 20)}
    home.issue("C/m", "US01-CM-000001", "-200", corrects_document_id="C", **memo)
    home.issue("P", "US01-INV-000003", "300")
    home.issue("P/m", "US01-CM-000002", "-10", corrects_document_id="P", **memo)
    home.entry("before", "200", "wire", booked=date(2026, 3, 19))
    for no, amount in enumerate(("100", "300"), start=1):
        home.entry(f"e{no}", amount, "wire")
    match(home.settings, home.warehouse)
    assert [row[:4] for row in home.applications()] == [
        ("before", "invoice", "C", "amount"),
        ("e2", "invoice", "P", "amount"),
    ]


def test_cash_by_amount_comes_too_late_for_what_was_credited_in_full(home: Home) -> None:
    home.issue("C", "US01-INV-000002", "200")
    home.issue(
        "C/m", "US01-CM-000001", "-200", kind="credit_memo", issue_date=date(2026, 3, 20), corrects_document_id="C"
    )
    home.entry("unnamed", "200", "wire")
    home.entry("named", "200", "US01-INV-000002", booked=date(2026, 4, 2))
    match(home.settings, home.warehouse)
    assert [row[:4] for row in home.applications()] == [("named", "invoice", "C", "number")]
