"""Which documents approved corrections make, and when they wait. That a request counts is proved in tests/access."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from billing_assets.access.decided import Request
from billing_assets.ledger import GateVerdict, Ledger
from billing_assets.publication import corrections
from billing_assets.publication.issue import IssueSummary
from tests.ledger.builders import AS_OF, OPEN, Verdict, ordered
from tests.publication.test_issue import Drafts, issue

INVOICE = "C-1/2026-04-01/invoice/0"
AGAIN = "C-1/2026-04-01/invoice/1"


class Desk:
    """Approved requests, and the drafts of a warehouse that follows the ledger."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.drafts = Drafts(folder)
        self.ledger = ledger
        self.requests: list[Request] = []
        self.drafts.add("C-1")
        self.issue()

    def ask(self, what: str, amount: str | None = None, *, content: str = "hash of C-1", **subject: object) -> int:
        number = ordered(self.ledger, what, INVOICE, amount, **subject)
        self.requests.append(
            Request(
                number, what, {"document_id": INVOICE, **subject}, content, "A-C-1",  # type: ignore[dict-item]
                Decimal(amount) if amount else None, "USD", "user:biller.one", ("user:lead.one",), "a test", AS_OF,
                AS_OF, None,
            )
        )  # fmt: skip
        return number

    def draft_again(self, total: str = "130") -> None:
        """What the next run draws up: the bill dates to be drafted again, and the new draft at its revision."""
        table = corrections.table(self.ledger, AS_OF)
        with self.drafts.warehouse.writer() as connection:
            connection.register("waiting", table)
            connection.execute("delete from raw_ledger.corrections")
            connection.execute("insert into raw_ledger.corrections select * from waiting")
            connection.execute("delete from marts.fct_draft_invoices")
        [row] = table.to_pylist()
        self.drafts.extract(self.ledger)
        self.drafts.add(
            "C-1",
            revision=row["revision"],
            total=Decimal(total),
            subtotal=Decimal(total),
            tax=Decimal(0),
            lines=(total,),
        )

    def issue(self, verdicts: Sequence[GateVerdict] = OPEN) -> IssueSummary:
        return issue(self.ledger, self.drafts, verdicts)


@pytest.fixture
def desk(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Desk:
    requests: list[Request] = []
    monkeypatch.setattr(
        corrections,
        "orders",
        lambda opened, _: [request for request in requests if request.request_no not in opened.carried_out()],
    )
    made = Desk(tmp_path, ledger)
    made.requests = requests
    made.drafts.extract(ledger)
    return made


def ids(summary: IssueSummary) -> list[str]:
    return [document.document_id for document in summary.issued]


def test_a_credit_goes_out_once(desk: Desk) -> None:
    desk.ask(
        "credit",
        "10.85",
        reason_code="goodwill",
        lines=[{"line_no": 1, "amount": "10"}, {"line_no": 2, "amount": "0.85"}],
    )
    first = desk.issue()
    assert [(document.number, document.total) for document in first.issued] == [("US01-CM-000001", Decimal("-10.85"))]
    desk.drafts.extract(desk.ledger)
    assert desk.issue().issued == ()


def test_a_rebill_waits_for_its_new_draft_and_goes_out_with_it(desk: Desk) -> None:
    asked = desk.ask("rebill", "108.50")
    assert desk.issue().held == {f"request {asked}": ["the next run draws up its new draft"]}
    desk.draft_again()
    assert ids(desk.issue()) == ["C-1/2026-04-01/credit_memo/0", AGAIN]


def test_a_rebill_whose_draft_is_held_credits_nothing(desk: Desk) -> None:
    asked = desk.ask("rebill", "108.50")
    desk.draft_again()
    held = Verdict(level="document", key=AGAIN, verdict="closed", reasons=("RAT-03",))
    summary = desk.issue([*OPEN, held])
    assert summary.issued == ()
    assert summary.held[f"request {asked}"] == ["RAT-03"]
    assert ids(desk.issue()) == ["C-1/2026-04-01/credit_memo/0", AGAIN]


def test_a_closed_scope_holds_a_credit(desk: Desk) -> None:
    asked = desk.ask("credit", "108.50", reason_code="goodwill")
    assert desk.issue([Verdict(verdict="closed", reasons=("USG-02",))]).held == {f"request {asked}": ["USG-02"]}


def test_a_rebill_below_zero_is_not_made(desk: Desk) -> None:
    asked = desk.ask("rebill", "108.50")
    desk.draft_again()
    desk.drafts.change(
        "update marts.fct_draft_invoices set kind = 'credit_memo', document_id = 'C-1/2026-04-01/credit_memo/1'"
    )
    desk.drafts.change("update marts.fct_draft_invoice_lines set document_id = 'C-1/2026-04-01/credit_memo/1'")
    assert "below zero" in desk.issue().held[f"request {asked}"][0]


def test_a_void_and_the_new_draft_go_through_in_one_night(desk: Desk) -> None:
    desk.ask("void", "108.50")
    desk.draft_again()
    summary = desk.issue()
    assert (summary.voided, ids(summary)) == (("US01-INV-000001",), [AGAIN])
    assert str(summary).startswith("1 issued (130 USD), 0 held, 1 voided")


def test_a_void_that_comes_too_late_keeps_the_new_draft_back(desk: Desk) -> None:
    asked = desk.ask("void", "108.50")
    desk.draft_again()
    desk.ledger.record_attempt(f"file/{INVOICE}/v1", "planned", None, AS_OF)
    summary = desk.issue()
    assert (summary.issued, summary.voided) == ((), ())
    assert "credit it instead" in summary.held[f"request {asked}"][0]
    assert summary.held[AGAIN] == [f"void of {INVOICE} has not been carried out"]


def test_a_request_about_other_content_is_not_carried_out(desk: Desk) -> None:
    asked = desk.ask("credit", "10", content="another")
    assert "was made for other content" in desk.issue().held[f"request {asked}"][0]


def test_one_request_a_document_and_run(desk: Desk) -> None:
    lines = [{"line_no": 1, "amount": "60"}]
    first, second = (desk.ask("credit", "60", reason_code="goodwill", lines=lines) for _ in range(2))
    summary = desk.issue()
    assert len(summary.issued) == 1
    assert "follows in the next" in summary.held[f"request {second}"][0]
    desk.drafts.extract(desk.ledger)
    assert "has 40 left, not 60" in desk.issue().held[f"request {second}"][0]
    assert first in desk.ledger.carried_out()
