"""Which drafts become documents, in which order, and on what they must stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_assets.ledger import GateVerdict, Ledger, LedgerError, StaleDraft
from billing_assets.publication.issue import IssueSummary, issue_open_documents
from billing_assets.warehouse import Warehouse
from tests.ledger.builders import AS_OF, OPEN, RUN, Verdict

_TABLES = """
create schema marts;
create schema raw_ledger;
create table marts.fct_draft_invoices (
    document_id varchar, kind varchar, contract_id varchar, account_id varchar, channel varchar,
    selling_entity varchar, currency varchar, bill_date date, period_from date, period_to date,
    close_period varchar, payment_terms_days integer, subtotal decimal(38,12), discount decimal(38,12),
    credit_applied decimal(38,12), tax decimal(38,12), total decimal(38,12), paid_from_credits decimal(38,12),
    revision integer, corrects_document_id varchar, content_hash varchar, is_due boolean, other_column varchar);
create table marts.fct_draft_invoice_lines (
    document_id varchar, line_no integer, parent_line_no integer, charge_id varchar, reference_id varchar,
    line_kind varchar, product varchar, meter varchar, group_key varchar, service_from date, service_to date,
    quantity decimal(38,12), unit varchar, unrounded_amount decimal(38,12), amount decimal(38,12),
    currency varchar, price_version integer, original_period varchar, line_key varchar);
create table raw_ledger.issued_documents (contract_id varchar, sequence bigint);
create table raw_ledger.corrections (
    contract_id varchar, bill_date date, kind varchar, revision integer, corrects_document_id varchar,
    decision_no bigint);
"""


class Drafts:
    """The draft marts of a warehouse, by hand."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = Warehouse(folder / "warehouse.duckdb", threads=1)
        with self.warehouse.writer() as connection:
            connection.execute(_TABLES)

    def add(self, contract_id: str, *, lines: Sequence[str] = ("100", "8.5"), **changes: Any) -> str:
        header: dict[str, Any] = {
            "kind": "invoice",
            "contract_id": contract_id,
            "account_id": f"A-{contract_id}",
            "channel": "direct",
            "selling_entity": "US01",
            "currency": "USD",
            "bill_date": date(2026, 4, 1),
            "period_from": date(2026, 3, 1),
            "period_to": date(2026, 4, 1),
            "close_period": "2026-03",
            "payment_terms_days": 30,
            "subtotal": Decimal(100),
            "discount": Decimal(0),
            "credit_applied": Decimal(0),
            "tax": Decimal("8.5"),
            "total": Decimal("108.5"),
            "paid_from_credits": Decimal(0),
            "revision": 0,
            "corrects_document_id": None,
            "content_hash": f"hash of {contract_id}",
            "is_due": True,
            "other_column": "ignored",
            **changes,
        }
        document_id = f"{contract_id}/{header['bill_date']}/{header['kind']}/{header['revision']}"
        header.setdefault("document_id", document_id)
        with self.warehouse.writer() as connection:
            _insert(connection, "marts.fct_draft_invoices", header)
            for line_no, amount in enumerate(lines, start=1):
                line = {
                    "document_id": document_id,
                    "line_no": line_no,
                    "charge_id": "tokens",
                    "line_kind": "usage",
                    "group_key": "{}",
                    "service_from": date(2026, 3, 1),
                    "service_to": date(2026, 4, 1),
                    "quantity": Decimal("1.000000000001"),
                    "amount": Decimal(amount),
                    "currency": header["currency"],
                    "price_version": 1,
                }
                _insert(connection, "marts.fct_draft_invoice_lines", line)
        return document_id

    def extract(self, ledger: Ledger) -> None:
        """What the next run sees of the ledger."""
        issued = ledger.extract()["issued_documents"]
        with self.warehouse.writer() as connection:
            connection.register("issued", issued)
            connection.execute(
                "create or replace table raw_ledger.issued_documents as select contract_id, sequence from issued"
            )

    def change(self, statement: str) -> None:
        with self.warehouse.writer() as connection:
            connection.execute(statement)


def _insert(connection: Any, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))


@pytest.fixture
def drafts(tmp_path: Path) -> Drafts:
    return Drafts(tmp_path)


def issue(ledger: Ledger, drafts: Drafts, verdicts: Sequence[GateVerdict] = OPEN) -> IssueSummary:
    """Issue as the gate would let it: its answer is put in the place where publication asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing_assets.publication.issue.ask", lambda *_: list(verdicts))
        return issue_open_documents(ledger, drafts.warehouse, RUN)


def test_due_drafts_are_issued_with_lines_dates_and_outbox_items(ledger: Ledger, drafts: Drafts) -> None:
    document_id = drafts.add("C-1", payment_terms_days=14)
    summary = issue(ledger, drafts)
    assert [document.document_id for document in summary.issued] == [document_id]
    tables = ledger.extract()
    [document] = tables["issued_documents"].to_pylist()
    assert (document["issue_date"], document["due_date"]) == (AS_OF, date(2026, 4, 17))
    assert (document["total"], document["content_hash"]) == (Decimal("108.5"), "hash of C-1")
    assert tables["issued_lines"]["amount"].to_pylist() == [Decimal(100), Decimal("8.5")]
    assert tables["issued_lines"]["quantity"].to_pylist() == [Decimal("1.000000000001")] * 2
    assert tables["publications"]["key"].to_pylist() == [f"file/{document_id}/v1"]


def test_numbers_follow_the_documents_not_the_rows(ledger: Ledger, drafts: Drafts) -> None:
    for contract, changes in (
        ("C-9", {}),
        ("C-1", {"selling_entity": "US01", "bill_date": date(2026, 4, 2)}),
        ("C-5", {"selling_entity": "DE01"}),
        ("C-2", {"kind": "credit_memo", "total": Decimal(-1)}),
        ("C-3", {}),
    ):
        drafts.add(contract, **changes)
    numbers = {document.contract_id: document.number for document in issue(ledger, drafts).issued}
    assert list(numbers.items()) == [
        ("C-5", "DE01-INV-000001"),
        ("C-2", "US01-CM-000001"),
        ("C-3", "US01-INV-000001"),
        ("C-9", "US01-INV-000002"),
        ("C-1", "US01-INV-000003"),
    ]


def test_what_is_not_due_or_comes_to_nothing_is_left_alone(ledger: Ledger, drafts: Drafts) -> None:
    drafts.add("C-1", is_due=False)
    drafts.add("C-2", total=Decimal(0))
    assert issue(ledger, drafts) == IssueSummary()
    assert ledger.sequence() == 0


def test_a_held_document_holds_no_other(ledger: Ledger, drafts: Drafts) -> None:
    held, free = drafts.add("C-1"), drafts.add("C-2")
    verdict = Verdict(level="document", key=held, verdict="closed", reasons=("RAT-02", "INV-02"))
    summary = issue(ledger, drafts, [*OPEN, verdict])
    assert summary.held == {held: ["INV-02", "RAT-02"]}
    assert [document.document_id for document in summary.issued] == [free]
    assert str(summary) == "1 issued (108.5 USD), 1 held, 0 issued before"


@pytest.mark.parametrize("column", ["close_period", "selling_entity", "channel"])
def test_a_scope_without_verdict_is_closed(ledger: Ledger, drafts: Drafts, column: str) -> None:
    document_id = drafts.add("C-1", **{column: "elsewhere"})
    summary = issue(ledger, drafts)
    assert summary.issued == ()
    assert "no verdict for" in summary.held[document_id][0]


def test_a_draft_without_close_period_is_held(ledger: Ledger, drafts: Drafts) -> None:
    document_id = drafts.add("C-1", close_period=None)
    assert document_id in issue(ledger, drafts).held


def test_what_was_held_goes_out_when_the_gate_opens(ledger: Ledger, drafts: Drafts) -> None:
    document_id = drafts.add("C-1")
    closed = Verdict(verdict="closed", reasons=("USG-02",))
    assert issue(ledger, drafts, [closed]).held == {document_id: ["USG-02"]}
    assert [document.number for document in issue(ledger, drafts).issued] == ["US01-INV-000001"]


def test_running_again_issues_nothing_again(ledger: Ledger, drafts: Drafts) -> None:
    drafts.add("C-1")
    issue(ledger, drafts)
    entries = ledger.sequence()
    # Late usage changes the draft of what was issued: a control's matter, not a second invoice.
    drafts.change("update marts.fct_draft_invoices set total = 200, content_hash = 'later'")
    for extracted in (False, True):
        if extracted:
            drafts.extract(ledger)
        summary = issue(ledger, drafts)
        assert (summary.issued, summary.issued_before) == ((), 1)
    assert ledger.sequence() == entries


def test_a_draft_built_before_the_latest_document_is_refused(ledger: Ledger, drafts: Drafts) -> None:
    drafts.add("C-1")
    issue(ledger, drafts)
    drafts.add("C-1", bill_date=date(2026, 4, 2))
    with pytest.raises(StaleDraft, match="C-1/2026-04-02/invoice/0"):
        issue(ledger, drafts)
    drafts.extract(ledger)
    assert len(issue(ledger, drafts).issued) == 1


def test_a_draft_without_lines_stops_the_issuing(ledger: Ledger, drafts: Drafts) -> None:
    drafts.add("C-1", lines=())
    drafts.add("C-2")
    with pytest.raises(LedgerError, match=r"C-1/.* without lines"):
        issue(ledger, drafts)
    assert ledger.issued_ids() == set()


def test_a_draft_under_another_name_than_its_identity_is_refused(ledger: Ledger, drafts: Drafts) -> None:
    drafts.add("C-1")
    drafts.change("update marts.fct_draft_invoices set document_id = 'C-2/2026-04-01/invoice/0'")
    with pytest.raises(LedgerError, match="names itself otherwise"):
        issue(ledger, drafts)


def test_totals_are_by_currency(ledger: Ledger, drafts: Drafts) -> None:
    drafts.add("C-1")
    drafts.add("C-2", total=Decimal("-8.5"))
    drafts.add("C-3", currency="JPY", total=Decimal(1000))
    assert issue(ledger, drafts).totals == {"JPY": (1, Decimal(1000)), "USD": (2, Decimal(100))}
