"""What a credit takes from each line: never past it, and adding up to what was asked for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.ledger import Ledger, RecordedDocument
from billing_assets.publication.content import content_hash
from billing_assets.publication.correction_requests import credit, rebill, void
from billing_assets.publication.corrections import memo_of
from billing_assets.publication.credit_amounts import NotCreditable, everything, of_lines, spread
from tests.ledger.builders import AS_OF, OPEN, RUN, line, memo, ordered, request

INVOICE = "C-1/2026-04-01/invoice/0"


def invoice(ledger: Ledger, *lines: tuple[str, str, int | None]) -> RecordedDocument:
    """An invoice with lines of (kind, amount, line it belongs to)."""
    made = tuple(
        line(no, amount, line_kind=kind, parent_line_no=parent)
        for no, (kind, amount, parent) in enumerate(lines, start=1)
    )
    ledger.issue([request("C-1", lines=made, total=sum(item.amount for item in made))], ["file"], OPEN, RUN)
    return found(ledger)


def found(ledger: Ledger) -> RecordedDocument:
    document = ledger.document(INVOICE)
    assert document is not None
    return document


@pytest.fixture
def document(ledger: Ledger) -> RecordedDocument:
    """Two usage lines; the first has a discount, and each its tax: 108 in all."""
    return invoice(
        ledger, ("usage", "70", None), ("discount", "-10", 1), ("tax", "6", 1), ("usage", "40", None), ("tax", "2", 4)
    )


def amounts(taken: dict[int, Decimal]) -> dict[int, str]:
    return {line_no: f"{amount:f}" for line_no, amount in taken.items()}


def test_everything_is_what_earlier_memos_left(ledger: Ledger, document: RecordedDocument) -> None:
    ledger.issue([memo(document, ordered(ledger, "credit", INVOICE), {4: "40"})], ["file"], OPEN, RUN)
    assert amounts(everything(found(ledger))) == {1: "70", 2: "-10", 3: "6", 5: "2"}


def test_a_lines_discount_and_tax_follow_it_in_proportion(document: RecordedDocument) -> None:
    assert amounts(of_lines(document, {1: Decimal(7)})) == {1: "7", 2: "-1.00", 3: "0.60"}
    assert amounts(of_lines(document, {1: Decimal("33.33")})) == {1: "33.33", 2: "-4.76", 3: "2.86"}
    assert amounts(of_lines(document, {4: Decimal(40)})) == {4: "40", 5: "2.00"}


def test_what_is_named_itself_does_not_follow(document: RecordedDocument) -> None:
    taken = of_lines(document, {1: Decimal(7), 3: Decimal("0.50"), 2: Decimal(2)})
    assert amounts(taken) == {1: "7", 2: "-2", 3: "0.50"}


def test_an_amount_is_spread_over_every_line(document: RecordedDocument) -> None:
    assert amounts(spread(document, Decimal("10.80"))) == {1: "7.00", 2: "-1.00", 3: "0.60", 4: "4.00", 5: "0.20"}
    assert amounts(spread(document, Decimal(108))) == {1: "70.00", 2: "-10.00", 3: "6.00", 4: "40.00", 5: "2.00"}


@pytest.mark.parametrize("amount", ["0", "-1", "108.01", "1.001"])
def test_an_amount_that_cannot_be_taken_is_refused(document: RecordedDocument, amount: str) -> None:
    with pytest.raises(NotCreditable):
        spread(document, Decimal(amount))


@pytest.mark.parametrize("lines", [{9: "1"}, {1: "0"}, {1: "-1"}, {1: "70.01"}, {2: "5"}, {1: "1.001"}])
def test_lines_that_cannot_be_taken_are_refused(document: RecordedDocument, lines: dict[int, str]) -> None:
    with pytest.raises(NotCreditable):
        of_lines(document, {line_no: Decimal(amount) for line_no, amount in lines.items()})


@given(
    parts=st.lists(st.decimals("0.01", "500", places=2), min_size=1, max_size=6),
    discounts=st.lists(st.decimals("0.01", "1", places=2), max_size=2),
    share=st.integers(1, 1000),
)
def test_a_spread_adds_up_and_passes_no_line(parts: list[Decimal], discounts: list[Decimal], share: int) -> None:
    from billing_assets.ledger import RecordedLine
    from tests.publication.recorded import recorded

    lines = [line(no, f"{amount:f}") for no, amount in enumerate([*parts, *(-d for d in discounts)], start=1)]
    document = recorded([RecordedLine(item, item.amount) for item in lines])
    amount = (document.left * share / 1000).quantize(Decimal("0.01"))
    if not 0 < amount <= document.left:
        return
    taken = spread(document, amount)
    assert sum(taken.values()) == amount
    for item in document.lines:
        part = taken.get(item.line.line_no, Decimal(0))
        assert abs(part) <= abs(item.left)
        assert part * item.left >= 0


def test_a_memo_is_the_corrected_lines_turned_round(ledger: Ledger, document: RecordedDocument) -> None:
    asked = ordered(ledger, "credit", INVOICE)
    made = memo_of(document, of_lines(document, {1: Decimal(7)}), decision_no=asked, close_period="2026-03")
    shown = [(item.line_no, item.parent_line_no, item.corrects_line_no, item.amount) for item in made.lines]
    assert shown == [(1, None, 1, Decimal(-7)), (2, 1, 2, Decimal(1)), (3, 1, 3, Decimal("-0.6"))]
    assert (made.subtotal, made.discount, made.tax, made.total) == tuple(
        Decimal(amount) for amount in ("-7", "1", "-0.6", "-6.6")
    )
    assert made.content_hash == content_hash(made)
    ledger.issue([made], ["file"], OPEN, RUN)
    assert found(ledger).left == Decimal("101.4")


def test_a_memo_of_a_later_month_says_which_month_it_corrects(document: RecordedDocument) -> None:
    made = memo_of(document, everything(document), decision_no=1, close_period="2026-04")
    assert {item.original_period for item in made.lines} == {"2026-03"}


def test_what_is_asked_for_names_every_line(ledger: Ledger, document: RecordedDocument) -> None:
    wanted = credit(ledger, "US01-INV-000001", "goodwill", {4: Decimal(10)})
    assert wanted.amount == Decimal("10.5")
    assert wanted.subject == {
        "document_id": INVOICE,
        "reason_code": "goodwill",
        "lines": [{"line_no": 4, "amount": "10"}, {"line_no": 5, "amount": "0.5"}],
    }
    assert credit(ledger, INVOICE, "goodwill").subject["lines"] is None
    assert rebill(ledger, INVOICE, "our_error").amount == 108


def test_what_cannot_be_corrected_is_not_asked_for(ledger: Ledger, document: RecordedDocument) -> None:
    with pytest.raises(NotCreditable, match="no reason code"):
        credit(ledger, INVOICE, "because")
    with pytest.raises(NotCreditable, match="no issued document"):
        credit(ledger, "US01-INV-000009", "goodwill")
    with pytest.raises(NotCreditable, match="not both"):
        credit(ledger, INVOICE, "goodwill", {1: Decimal(1)}, Decimal(1))
    ledger.record_attempt(f"file/{INVOICE}/v1", "planned", None, AS_OF)
    with pytest.raises(NotCreditable, match="ask for a credit"):
        void(ledger, INVOICE, "our_error")
