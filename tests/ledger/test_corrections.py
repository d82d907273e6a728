"""Corrections: never above what is left, ordered once, by an approved request, and a void only before delivery."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_assets.ledger import CorrectionRefused, IssueRequest, Ledger, LedgerError, NewDecision, RecordedDocument
from tests.ledger.builders import AS_OF, OPEN, RUN, line, memo, new_ledger, ordered, request

INVOICE = "C-1/2026-04-01/invoice/0"


def issue(ledger: Ledger, *requests: IssueRequest) -> list[str]:
    return [document.number for document in ledger.issue(requests, ("file",), OPEN, RUN)]


def invoice(ledger: Ledger, **changes: Any) -> RecordedDocument:
    """C-1's invoice: 100 of usage on line 1, 8.50 of tax on line 2."""
    issue(ledger, request("C-1", **changes))
    return found(ledger)


def found(ledger: Ledger, name: str = INVOICE) -> RecordedDocument:
    document = ledger.document(name)
    assert document is not None
    return document


def left(document: RecordedDocument) -> list[Decimal]:
    return [recorded.left for recorded in document.lines]


def test_a_credit_memo_takes_from_the_lines_it_names(ledger: Ledger) -> None:
    document = invoice(ledger)
    asked = ordered(ledger, "credit", INVOICE, "40", reason_code="goodwill")
    assert issue(ledger, memo(document, asked, {1: "30", 2: "2.5"})) == ["US01-CM-000001"]
    after = found(ledger)
    assert (left(after), after.left) == ([Decimal(70), Decimal(6)], Decimal(76))
    assert found(ledger, "US01-CM-000001").corrects_document_id == INVOICE
    rows = ledger.extract()["issued_documents"].to_pylist()
    assert [(row["ordered"], row["reason_code"]) for row in rows] == [(None, None), ("credit", "goodwill")]


def test_what_a_memo_before_took_is_not_left_for_the_next(ledger: Ledger) -> None:
    document = invoice(ledger)
    issue(ledger, memo(document, ordered(ledger, "credit", INVOICE), {1: "60"}))
    with pytest.raises(
        CorrectionRefused, match=r"41 cannot be taken from line 1 of US01-INV-000001, which has 40 left"
    ):
        issue(ledger, memo(found(ledger), ordered(ledger, "credit", INVOICE), {1: "41"}))
    assert issue(ledger, memo(found(ledger), ordered(ledger, "credit", INVOICE), {1: "40"})) == ["US01-CM-000002"]


def test_two_memos_of_one_transaction_share_what_is_left(ledger: Ledger) -> None:
    document = invoice(ledger)
    first = memo(document, ordered(ledger, "credit", INVOICE), {1: "60"})
    second = memo(document, ordered(ledger, "credit", INVOICE), {1: "60"}, revision=1)
    with pytest.raises(CorrectionRefused, match="has 40 left"):
        issue(ledger, first, second)
    assert found(ledger).left == Decimal("108.5")


def test_a_discount_is_given_back_from_below_zero(ledger: Ledger) -> None:
    lines = (line(1, "100"), line(2, "-20", line_kind="discount", parent_line_no=1))
    document = invoice(ledger, lines=lines, tax=Decimal(0), discount=Decimal(-20), total=Decimal(80))
    with pytest.raises(CorrectionRefused, match="90 is more than the 80 left"):
        issue(ledger, memo(document, ordered(ledger, "credit", INVOICE), {1: "90"}))
    with pytest.raises(CorrectionRefused, match="-21 cannot be taken from line 2"):
        issue(ledger, memo(document, ordered(ledger, "credit", INVOICE), {1: "90", 2: "-21"}))
    issue(ledger, memo(document, ordered(ledger, "credit", INVOICE), {1: "100", 2: "-20"}))
    assert (found(ledger).left, left(found(ledger))) == (Decimal(0), [Decimal(0)] * 2)


@pytest.mark.parametrize(
    ("amounts", "changes", "message"),
    [
        ({1: "0"}, {}, "below zero, not 0"),
        ({1: "-5"}, {}, "below zero, not 5"),
        ({1: "10", 2: "0"}, {}, "0 cannot be taken from line 2"),
        ({1: "10", 2: "-1"}, {}, "-1 cannot be taken from line 2"),
        ({1: "100.01"}, {}, "100.01 cannot be taken"),
        ({1: "10"}, {"total": Decimal(-11)}, "do not add up"),
        ({1: "10"}, {"subtotal": Decimal(-9)}, "do not add up"),
        ({1: "10"}, {"account_id": "A-2"}, "account_id is A-2"),
        ({1: "10"}, {"contract_id": "C-2", "built_on": 0}, "contract_id is C-2"),
        ({1: "10"}, {"bill_date": date(2026, 5, 1)}, "bill_date is 2026-05-01"),
        ({1: "10"}, {"corrects_document_id": "US01-INV-000001"}, "is no issued document"),
        ({1: "10"}, {"corrects_document_id": None}, "the document no document"),
        ({1: "10"}, {"kind": "invoice", "revision": 1}, "only a credit memo names"),
        ({1: "10"}, {"decision_no": None}, "no request to credit or rebill"),
        ({1: "10"}, {"decision_no": 99}, "no request to credit or rebill"),
        ({1: "10"}, {"paid_from_credits": Decimal(-1)}, "1 cannot go back to credits that paid 0"),
    ],
)
def test_what_a_memo_may_not_be(ledger: Ledger, amounts: dict[int, str], changes: dict[str, Any], message: str) -> None:
    document = invoice(ledger)
    with pytest.raises(CorrectionRefused, match=message):
        issue(ledger, replace(memo(document, ordered(ledger, "credit", INVOICE), amounts), **changes))
    assert ledger.extract()["issued_documents"].num_rows == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corrects_line_no": 3}, "has no line 3"),
        ({"charge_id": "seats"}, "charge_id is not that of the line it corrects"),
        ({"service_from": date(2026, 3, 2)}, "service_from is not that"),
    ],
)
def test_a_line_is_of_the_line_it_corrects(ledger: Ledger, changes: dict[str, Any], message: str) -> None:
    document = invoice(ledger)
    other = line(1, "-10", **{"corrects_line_no": 1, **changes})
    with pytest.raises(CorrectionRefused, match=message):
        issue(ledger, memo(document, ordered(ledger, "credit", INVOICE), {1: "10"}, lines=(other,)))


def test_a_request_carries_its_own_document_amount_and_approval(ledger: Ledger) -> None:
    document = invoice(ledger)
    with pytest.raises(CorrectionRefused, match="no request"):
        issue(ledger, memo(document, ordered(ledger, "credit", "C-2/2026-04-01/invoice/0"), {1: "10"}))
    with pytest.raises(CorrectionRefused, match="no request"):
        issue(ledger, memo(document, ordered(ledger, "void", INVOICE), {1: "10"}))
    with pytest.raises(CorrectionRefused, match=r"more than the 9\.99"):
        issue(ledger, memo(document, ordered(ledger, "credit", INVOICE, "9.99"), {1: "10"}))

    def asked(decision: str, actor: str, **more: Any) -> int:
        return ledger.decide(
            lambda _: NewDecision(decision, "credit", {"document_id": INVOICE}, actor, "a test", AS_OF, **more)
        )

    alone = asked("request", "user:biller.one")
    with pytest.raises(CorrectionRefused, match="nobody else"):
        issue(ledger, memo(document, alone, {1: "10"}))
    asked("approve", "user:biller.one", request_no=alone)
    with pytest.raises(CorrectionRefused, match="nobody else"):
        issue(ledger, memo(document, alone, {1: "10"}))
    asked("approve", "user:lead.one", request_no=alone)
    asked("reject", "user:controller.one", request_no=alone)
    with pytest.raises(CorrectionRefused, match="rejected or withdrawn"):
        issue(ledger, memo(document, alone, {1: "10"}))


def test_a_request_orders_each_kind_once(ledger: Ledger) -> None:
    document = invoice(ledger)
    asked = ordered(ledger, "credit", INVOICE)
    issue(ledger, memo(document, asked, {1: "10"}))
    with pytest.raises(CorrectionRefused, match="ordered US01-CM-000001 already"):
        issue(ledger, memo(found(ledger), asked, {1: "10"}))
    assert ledger.carried_out() == {asked}


def test_a_rebill_is_one_transaction_of_what_is_left_and_the_next_revision(ledger: Ledger) -> None:
    document = invoice(ledger)
    asked = ordered(ledger, "rebill", INVOICE, "108.50")
    again = request("C-1", revision=1, decision_no=asked, built_on=1, content_hash="again")
    with pytest.raises(CorrectionRefused, match="US01-INV-000001 still stands"):
        issue(ledger, again)
    with pytest.raises(CorrectionRefused, match="still stands"):
        issue(ledger, memo(document, asked, {1: "100"}), again)
    assert issue(ledger, memo(document, asked, {1: "100", 2: "8.5"}), again) == ["US01-CM-000001", "US01-INV-000002"]
    assert found(ledger).left == 0
    assert ledger.redrafts() == []
    with pytest.raises(CorrectionRefused, match="half of a rebill"):
        ledger.void("C-1/2026-04-01/credit_memo/0", ordered(ledger, "void", "C-1/2026-04-01/credit_memo/0"), AS_OF, RUN)


def test_a_bill_date_credited_by_a_rebill_waits_for_its_new_document(ledger: Ledger) -> None:
    document = invoice(ledger)
    asked = ordered(ledger, "rebill", INVOICE)
    issue(ledger, memo(document, asked, {1: "100", 2: "8.5"}))
    [waiting] = ledger.redrafts()
    assert (waiting.kind, waiting.revision, waiting.replaces_document_id) == ("rebill", 1, INVOICE)
    assert issue(ledger, request("C-1", revision=1, decision_no=asked, built_on=2)) == ["US01-INV-000002"]
    assert ledger.redrafts() == []


def test_credits_that_paid_come_back_once(ledger: Ledger) -> None:
    document = invoice(ledger, paid_from_credits=Decimal("108.5"))
    given_back = memo(
        document, ordered(ledger, "rebill", INVOICE), {1: "100", 2: "8.5"}, paid_from_credits=Decimal("-108.5")
    )
    issue(ledger, given_back)
    assert found(ledger).paid_left == 0


def test_a_new_revision_needs_a_document_that_ended(ledger: Ledger) -> None:
    with pytest.raises(CorrectionRefused, match="follows no document"):
        issue(ledger, request("C-1", revision=1))
    invoice(ledger)
    with pytest.raises(CorrectionRefused, match="no request to rebill or void"):
        issue(ledger, request("C-1", revision=1, built_on=1))


def test_a_voided_document_keeps_its_number_and_is_never_sent(ledger: Ledger) -> None:
    invoice(ledger)
    asked = ordered(ledger, "void", INVOICE)
    ledger.void(INVOICE, asked, AS_OF, RUN)
    entries = ledger.sequence()
    ledger.void(INVOICE, asked, AS_OF, RUN)
    assert ledger.sequence() == entries
    assert (ledger.open_batches("file"), ledger.outbox_items("file", 1)) == ([], [])
    with pytest.raises(LedgerError, match="is void and cannot become planned"):
        ledger.record_attempt(f"file/{INVOICE}/v1", "planned", None, AS_OF)
    [waiting] = ledger.redrafts()
    assert (waiting.kind, waiting.revision, waiting.decision_no) == ("void", 1, asked)
    assert issue(ledger, request("C-1", revision=1, decision_no=asked, built_on=1)) == ["US01-INV-000002"]
    assert [row["voided_on"] for row in ledger.extract()["issued_documents"].to_pylist()] == [AS_OF, None]
    assert [row["state"] for row in ledger.extract()["publications"].to_pylist()] == ["void", "planned"]
    with pytest.raises(CorrectionRefused, match="was voided"):
        issue(ledger, memo(found(ledger), ordered(ledger, "credit", INVOICE), {1: "10"}))
    assert ledger.verify() == []


def test_a_document_on_its_way_is_not_voided(ledger: Ledger) -> None:
    invoice(ledger)
    asked = ordered(ledger, "void", INVOICE)
    ledger.record_attempt(f"file/{INVOICE}/v1", "planned", None, AS_OF)
    ledger.record_attempt(f"file/{INVOICE}/v1", "rejected", "closed period", AS_OF)
    with pytest.raises(CorrectionRefused, match="may have been: credit it instead"):
        ledger.void(INVOICE, asked, AS_OF, RUN)


def test_what_was_refused_before_it_was_sent_is_voided(ledger: Ledger) -> None:
    invoice(ledger)
    ledger.record_attempt(f"file/{INVOICE}/v1", "rejected", "no such customer", AS_OF)
    ledger.void(INVOICE, ordered(ledger, "void", INVOICE), AS_OF, RUN)
    assert found(ledger).is_voided


def test_a_void_needs_its_request_and_no_credit_memo(ledger: Ledger) -> None:
    document = invoice(ledger)
    with pytest.raises(CorrectionRefused, match="no request to void"):
        ledger.void(INVOICE, ordered(ledger, "credit", INVOICE), AS_OF, RUN)
    issue(ledger, memo(document, ordered(ledger, "credit", INVOICE), {1: "10"}))
    with pytest.raises(CorrectionRefused, match="has credit memos"):
        ledger.void(INVOICE, ordered(ledger, "void", INVOICE), AS_OF, RUN)


def test_a_voided_credit_memo_gives_its_amount_back(ledger: Ledger) -> None:
    document = invoice(ledger)
    issue(ledger, memo(document, ordered(ledger, "credit", INVOICE), {1: "10"}))
    key = "C-1/2026-04-01/credit_memo/0"
    ledger.void(key, ordered(ledger, "void", key), AS_OF, RUN)
    after = found(ledger)
    assert (after.left, after.next_memo_revision, ledger.redrafts()) == (Decimal("108.5"), 1, [])


def test_nothing_is_voided_out_of_a_locked_month(ledger: Ledger) -> None:
    invoice(ledger)
    for event in ("soft_closed", "locked"):
        ledger.record_period("US01", "2026-03", event, actor="user:controller.one", as_of=AS_OF)
    with pytest.raises(LedgerError, match="locked"):
        ledger.void(INVOICE, ordered(ledger, "void", INVOICE), AS_OF, RUN)


STEP = st.tuples(
    st.sampled_from(["invoice", "credit", "rebill", "void", "send"]),
    st.integers(0, 2),
    st.lists(st.decimals("-60", "120", places=2), min_size=3, max_size=3),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=14))
def test_no_sequence_of_corrections_breaks_the_record(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, list[Decimal]]]
) -> None:
    """Whatever is tried: credited <= billed per line and document, numbers gapless, one standing document a date."""
    with new_ledger(tmp_path_factory.mktemp("corrections")) as ledger:
        for what, no, amounts in steps:
            try:
                _step(ledger, what, f"C-{no}", amounts)
            except LedgerError:
                continue
        _check_record(ledger)


def _step(ledger: Ledger, what: str, contract: str, amounts: list[Decimal]) -> None:
    latest = _latest(ledger, contract)
    if latest is None:
        parts = (line(1, "100"), line(2, "-30", line_kind="discount", parent_line_no=1), line(3, "7.01"))
        issue(ledger, request(contract, lines=parts, total=Decimal("77.01")))
    elif what == "credit":
        wanted = {no: f"{amount:f}" for no, amount in enumerate(amounts, start=1) if amount}
        issue(ledger, memo(latest, ordered(ledger, "credit", latest.document_id), wanted))
    elif what == "rebill":
        asked = ordered(ledger, "rebill", latest.document_id)
        everything = {item.line.line_no: f"{item.left:f}" for item in latest.lines if item.left}
        issue(ledger, memo(latest, asked, everything), _again(ledger, latest, "rebill", asked))
    elif what == "void":
        asked = ordered(ledger, "void", latest.document_id)
        ledger.void(latest.document_id, asked, AS_OF, RUN)
        issue(ledger, _again(ledger, latest, "void", asked))
    elif what == "send":
        ledger.record_attempt(f"file/{latest.document_id}/v1", "planned", None, AS_OF)


def _again(ledger: Ledger, before: RecordedDocument, kind: str, asked: int) -> IssueRequest:
    redraft = ledger.redraft_of(before, kind, asked)
    assert redraft is not None
    return request(
        before.contract_id, revision=redraft.revision, decision_no=asked, built_on=before.sequence,
        lines=tuple(item.line for item in before.lines), total=before.total, content_hash=f"again {asked}",
    )  # fmt: skip


def _latest(ledger: Ledger, contract: str) -> RecordedDocument | None:
    ids = [
        row["document_id"]
        for row in ledger.extract()["issued_documents"].to_pylist()
        if row["contract_id"] == contract and row["kind"] == "invoice"
    ]
    return ledger.document(ids[-1]) if ids else None


def _check_record(ledger: Ledger) -> None:
    documents = ledger.extract()["issued_documents"].to_pylist()
    for row in documents:
        document = found(ledger, row["document_id"])
        for item in document.lines:
            assert abs(item.left) <= abs(item.line.amount)
            assert item.left * item.line.amount >= 0
        assert document.left == sum(left(document))
        assert row["kind"] == "credit_memo" or document.left >= 0
    standing = [row for row in documents if row["voided_on"] is None]
    invoices = [row for row in standing if row["kind"] == "invoice"]
    assert sum(row["total"] for row in standing) == sum(found(ledger, row["document_id"]).left for row in invoices)
    for contract in {row["contract_id"] for row in invoices}:
        own = [row for row in invoices if row["contract_id"] == contract]
        assert all(found(ledger, row["document_id"]).left == 0 for row in own[:-1])
    numbers: dict[str, list[str]] = defaultdict(list)
    for row in documents:
        numbers[row["kind"]].append(row["number"])
    for kind, code in (("invoice", "INV"), ("credit_memo", "CM")):
        assert numbers[kind] == [f"US01-{code}-{no:06d}" for no in range(1, len(numbers[kind]) + 1)]
    assert ledger.verify() == []
