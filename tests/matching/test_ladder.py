"""The ladder: what each rule applies, and what holds whatever the entries and targets are."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.matching.ladder import Application, Document, Entry, Outcome, Payout, match_entries

DAY = date(2026, 3, 10)  # a Tuesday


def entry(entry_id: str, amount: str, text: str = "", **said: object) -> Entry:
    given_date = said.pop("on", DAY)
    assert isinstance(given_date, date)
    return Entry(
        entry_id, given_date, given_date, Decimal(amount), str(said.pop("currency", "USD")), narrative=text, **said
    )  # type: ignore[arg-type]


def invoice(number: int, amount: str, issued: date = DAY - timedelta(days=20), currency: str = "USD") -> Document:
    return Document(f"D{number}", f"US01-INV-{number:06d}", currency, issued, Decimal(amount))


def credit_memo(number: int, amount: str) -> Document:
    return Document(f"M{number}", f"US01-CM-{number:06d}", "USD", DAY - timedelta(days=20), Decimal(amount))


def payout(name: str, amount: str, paid: date = DAY - timedelta(days=1), **said: object) -> Payout:
    return Payout(name, paid, Decimal(amount), str(said.pop("currency", "USD")), **said)  # type: ignore[arg-type]


def run(
    entries: list[Entry], documents: list[Document] | None = None, payouts: list[Payout] | None = None
) -> tuple[list[tuple[str, str, str, Decimal]], dict[str, Outcome]]:
    applications, outcomes = match_entries(entries, documents or [], payouts or [])
    shown = [(a.entry_id, a.target_id, a.rung, a.amount) for a in applications]
    return shown, {outcome.entry_id: outcome for outcome in outcomes}


# -- receipts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["US01-INV-000007", "inv. us01 inv 000007 thanks", "US01INV000007", "US01-INV-\n000007", "x/US01-INV-000007/y"],
)  # fmt: skip
def test_a_number_in_the_narrative_names_the_invoice(text: str) -> None:
    assert run([entry("e", "100", text)], [invoice(7, "100"), invoice(8, "100")])[0] == [
        ("e", "D7", "number", Decimal(100))
    ]


@pytest.mark.parametrize("reference", ["US01-INV-000007", "RF31US01INV000007"])
def test_a_structured_reference_names_the_invoice(reference: str) -> None:
    assert run([entry("e", "100", reference=reference)], [invoice(7, "100"), invoice(8, "100")])[0] == [
        ("e", "D7", "reference", Decimal(100))
    ]


@pytest.mark.parametrize("text", ["US01-INV-0000071", "XUS01-INV-000007", "INV-000007", "RF00US01INV000007"])
def test_a_number_that_is_part_of_another_word_names_nothing(text: str) -> None:
    applications, outcomes = run([entry("e", "50", text)], [invoice(7, "100")])
    assert applications == []
    assert outcomes["e"].status == "unapplied"


def test_a_short_payment_leaves_the_rest_open_and_an_over_payment_stays_unapplied() -> None:
    applications, outcomes = run(
        [entry("e1", "60", "US01-INV-000007"), entry("e2", "60", "US01-INV-000007", on=DAY + timedelta(days=1))],
        [invoice(7, "100")],
    )
    assert applications == [("e1", "D7", "number", Decimal(60)), ("e2", "D7", "number", Decimal(40))]
    assert (outcomes["e1"].status, outcomes["e1"].unapplied) == ("applied", 0)
    assert (outcomes["e2"].status, outcomes["e2"].unapplied) == ("partly_applied", 20)
    assert outcomes["e2"].candidates == (("invoice", "D7"),)


def test_several_numbers_are_settled_only_when_they_add_up() -> None:
    documents = [invoice(7, "100"), invoice(8, "50"), credit_memo(1, "-30")]
    both = "US01-INV-000007 and US01-INV-000008"
    applied = [("e", "D7", "numbers", Decimal(100)), ("e", "D8", "numbers", Decimal(50))]
    assert run([entry("e", "150", both)], documents)[0] == applied
    assert run([entry("e", "149", both)], documents)[0] == []
    netted = run([entry("e", "70", "US01-INV-000007 less US01-CM-000001")], documents)[0]
    assert netted == [("e", "D7", "numbers", Decimal(100)), ("e", "M1", "numbers", Decimal(-30))]


def test_the_currency_must_agree() -> None:
    applications, outcomes = run([entry("e", "100", "US01-INV-000007", currency="EUR")], [invoice(7, "100")])
    assert applications == []
    assert outcomes["e"].candidates == (("invoice", "D7"),)


def test_an_amount_matches_only_where_both_sides_have_one_candidate() -> None:
    one, two = entry("e1", "100"), entry("e2", "100")
    assert run([one], [invoice(7, "100"), invoice(8, "99")])[0] == [("e1", "D7", "amount", Decimal(100))]
    applications, outcomes = run([one], [invoice(7, "100"), invoice(8, "100")])
    assert applications == []
    assert outcomes["e1"].candidates == (("invoice", "D7"), ("invoice", "D8"))
    assert run([one, two], [invoice(7, "100")])[0] == []
    assert run([one], [invoice(7, "100")], [payout("P", "100")])[0] == []


def test_an_amount_never_matches_a_later_invoice_but_its_number_does() -> None:
    later = invoice(7, "100", issued=DAY + timedelta(days=3))
    assert run([entry("e", "100")], [later])[0] == []
    applications, _ = match_entries([entry("e", "100", "US01-INV-000007")], [later], [])
    assert [(a.rung, a.applied_on) for a in applications] == [("number", DAY + timedelta(days=3))]


def test_a_later_entry_undoes_nothing() -> None:
    earlier = entry("e1", "100")
    later = [
        entry("e2", "100", "US01-INV-000007", on=DAY + timedelta(days=1)),
        entry("e0", "100", on=DAY + timedelta(2)),
    ]
    alone, _ = run([earlier], [invoice(7, "100")])
    beside, outcomes = run([earlier, *later], [invoice(7, "100")])
    assert alone == [item for item in beside if item[0] == "e1"]
    assert {outcomes[name].status for name in ("e0", "e2")} == {"unapplied"}


def test_on_one_day_a_name_comes_before_an_amount() -> None:
    named = entry("e2", "100", "US01-INV-000007")
    assert run([entry("e1", "100"), named], [invoice(7, "100")])[0] == [("e2", "D7", "number", Decimal(100))]


def test_a_returned_receipt_reopens_its_invoice_and_a_credit_memo_is_paid_out() -> None:
    documents = [invoice(7, "100"), credit_memo(1, "-30")]
    entries = [
        entry("e1", "100", "US01-INV-000007"),
        entry("e2", "-100", "return US01-INV-000007", on=DAY + timedelta(days=1)),
        entry("e3", "100", "US01-INV-000007 again", on=DAY + timedelta(days=2)),
        entry("e4", "-30", "US01-CM-000001"),
    ]
    assert sorted(run(entries, documents)[0]) == [
        ("e1", "D7", "number", Decimal(100)),
        ("e2", "D7", "returned", Decimal(-100)),
        ("e3", "D7", "number", Decimal(100)),
        ("e4", "M1", "number", Decimal(-30)),
    ]


# -- payouts -----------------------------------------------------------------------------------------------------


def test_a_trace_id_finds_the_payout_before_anything_else() -> None:
    payouts = [payout("P1", "100", bank_trace_id="026009593123456"), payout("P2", "100", reference_number="9988776655")]
    assert run([entry("e", "100", "ACH 026009593123456 9988776655")], [], payouts)[0] == [
        ("e", "P1", "trace_id", Decimal(100))
    ]
    assert run([entry("e", "100", reference="9988776655")], [], payouts)[0] == [
        ("e", "P2", "disbursement_reference", Decimal(100))
    ]


def test_a_short_payout_is_applied_once_and_a_second_line_waits() -> None:
    entries = [entry("e1", "98", "TRACE1"), entry("e2", "2", "TRACE1", on=DAY + timedelta(days=1))]
    applications, outcomes = run(entries, [], [payout("P1", "100", bank_trace_id="TRACE1")])
    assert applications == [("e1", "P1", "trace_id", Decimal(98))]
    assert outcomes["e2"].candidates == (("payout", "P1"),)


def test_payouts_of_one_wire_are_settled_together_when_they_add_up() -> None:
    payouts = [payout("P1", "60", bank_trace_id="TRACE1"), payout("P2", "40", bank_trace_id="TRACE1")]
    assert len(run([entry("e", "100", "TRACE1")], [], payouts)[0]) == 2
    assert run([entry("e", "60", "TRACE1")], [], payouts)[0] == [("e", "P1", "trace_id", Decimal(60))]
    assert run([entry("e", "70", "TRACE1")], [], payouts)[0] == []


@pytest.mark.parametrize(("days", "found"), [(-1, False), (0, True), (7, True), (8, False)])
def test_a_payout_without_a_name_is_known_within_five_bank_days(days: int, found: bool) -> None:
    paid = DAY - timedelta(days=days)
    assert bool(run([entry("e", "100")], [], [payout("P", "100", paid=paid)])[0]) == found


def test_a_returned_payout_reopens_and_the_one_sent_again_is_found() -> None:
    payouts = [
        payout("P1", "100", bank_trace_id="TRACE1", reference_number="REF001", failed_on=DAY + timedelta(days=2)),
        payout("P2", "100", paid=DAY + timedelta(days=3), bank_trace_id="TRACE2", reference_number="REF001"),
    ]
    entries = [
        entry("e1", "100", "TRACE1"),
        entry("e2", "-100", "returned TRACE1", on=DAY + timedelta(days=2)),
        entry("e3", "100", "REF001", on=DAY + timedelta(days=4)),
    ]
    applications, outcomes = run(entries, [], payouts)
    assert applications == [
        ("e1", "P1", "trace_id", Decimal(100)),
        ("e2", "P1", "returned", Decimal(-100)),
        ("e3", "P2", "disbursement_reference", Decimal(100)),
    ]
    assert {outcome.classification for outcome in outcomes.values()} == {"marketplace_payout"}


def test_a_failed_payout_is_not_matched_by_amount_after_it_failed() -> None:
    failed = payout("P1", "100", failed_on=DAY)
    assert run([entry("e", "100")], [], [failed])[0] == []
    assert run([entry("e", "100", on=DAY - timedelta(days=1))], [], [failed])[0] == [
        ("e", "P1", "amount", Decimal(100))
    ]


def test_what_aws_pays_is_never_taken_for_a_customer() -> None:
    applications, outcomes = run([entry("e", "100", "AMAZON WEB SERVICES EMEA")], [invoice(7, "100")])
    assert applications == []
    assert outcomes["e"].classification == "marketplace_payout"


def test_payments_out_interest_and_nothing_are_no_receivables() -> None:
    entries = [entry("a", "-5", "supplier"), entry("b", "0"), entry("c", "3", bank_code="NINT")]
    _, outcomes = run(entries, [invoice(7, "3")])
    assert [(o.classification, o.status) for o in outcomes.values()] == [
        ("outgoing", "not_receivable"),
        ("other", "not_receivable"),
        ("other", "not_receivable"),
    ]


# -- what always holds -------------------------------------------------------------------------------------------

_days = st.integers(0, 12).map(lambda n: DAY + timedelta(days=n))
_amounts = st.sampled_from([Decimal(n) for n in (10, 20, 30, 40, 100)])
_currencies = st.sampled_from(["USD", "EUR"])
_names = st.sampled_from(
    [
        "",
        "",
        "US01-INV-000001",
        "US01-INV-000002 US01-INV-000003",
        "TRACE1",
        "TRACE2",
        "REF0001",
        "AWS",
        "US01-CM-000009",
    ]
)
_documents = st.lists(st.tuples(_amounts, _days, _currencies), max_size=5).map(
    lambda rows: [
        *(invoice(n, str(amount), day, currency) for n, (amount, day, currency) in enumerate(rows, start=1)),
        credit_memo(9, "-10"),
    ]
)
_payouts = st.lists(
    st.tuples(_amounts, _days, st.sampled_from([None, "TRACE1", "TRACE2"]), st.none() | _days), max_size=5
).map(
    lambda rows: [
        payout(f"P{n}", str(amount), day, bank_trace_id=trace, reference_number="REF0001", failed_on=failed)
        for n, (amount, day, trace, failed) in enumerate(rows)
    ]
)
_entries = st.lists(st.tuples(_amounts, st.booleans(), _days, _currencies, _names), max_size=9).map(
    lambda rows: [
        entry(f"e{n}", str(-amount if out else amount), name, on=day, currency=currency)
        for n, (amount, out, day, currency, name) in enumerate(rows)
    ]
)


def by(applications: list[Application], name: str) -> dict[str, list[Application]]:
    found: dict[str, list[Application]] = defaultdict(list)
    for application in applications:
        found[getattr(application, name)].append(application)
    return found


@given(_entries, _documents, _payouts)
def test_money_is_conserved_and_nothing_is_over_applied(
    entries: list[Entry], documents: list[Document], payouts: list[Payout]
) -> None:
    applications, outcomes = match_entries(entries, documents, payouts)
    of_entry, of_target = by(applications, "entry_id"), by(applications, "target_id")
    amounts = {e.entry_id: e.amount for e in entries}
    assert sorted(amounts) == [outcome.entry_id for outcome in outcomes]
    for outcome in outcomes:
        applied = sum((a.amount for a in of_entry[outcome.entry_id]), Decimal(0))
        assert outcome.applied == applied
        if outcome.status == "not_receivable":
            assert (applied, outcome.unapplied) == (0, 0)
        else:
            assert applied + outcome.unapplied == amounts[outcome.entry_id]
            assert min(0, amounts[outcome.entry_id]) <= applied <= max(0, amounts[outcome.entry_id])
    for target in (*documents, *payouts):
        target_id = target.document_id if isinstance(target, Document) else target.billing_event_id
        total = sum((a.amount for a in of_target[target_id]), Decimal(0))
        assert min(0, target.amount) <= total <= max(0, target.amount)
        assert {a.currency for a in of_target[target_id]} <= {target.currency}
        if isinstance(target, Payout):
            # one receipt stands at a time: a second needs a return before it
            signs = [a.amount > 0 for a in of_target[target_id]]
            assert sum(signs) <= 1 + signs.count(False)


@given(_entries, _documents, _payouts, st.randoms(use_true_random=False))
def test_the_order_of_the_input_is_irrelevant(
    entries: list[Entry], documents: list[Document], payouts: list[Payout], random: object
) -> None:
    expected = match_entries(entries, documents, payouts)
    for items in (entries, documents, payouts):
        random.shuffle(items)  # type: ignore[attr-defined]
    assert match_entries(entries, documents, payouts) == expected


@given(_entries, _documents, _payouts)
def test_what_amount_alone_matched_had_one_candidate_on_both_sides(
    entries: list[Entry], documents: list[Document], payouts: list[Payout]
) -> None:
    applications, outcomes = match_entries(entries, documents, payouts)
    names = {name for p in payouts for name in (p.bank_trace_id, p.reference_number)}
    unnamed = {
        e.entry_id: e for e in entries if e.amount > 0 and not (e.narrative in names or "-" in (e.narrative or ""))
    }  # fmt: skip
    for application in applications:
        if application.rung != "amount":
            continue
        own = unnamed[application.entry_id]
        rivals = [
            e
            for e in unnamed.values()
            if (e.amount, e.currency, e.value_date) == (own.amount, own.currency, own.value_date)
            and (application.target_kind == "payout" or e.narrative != "AWS")
        ]
        assert rivals == [own]
    for outcome in outcomes:
        if len(outcome.candidates) > 1 and outcome.entry_id in unnamed:
            assert outcome.applied == 0


@given(_entries, _documents, _payouts, _days)
def test_entries_of_later_days_change_no_earlier_match(
    entries: list[Entry], documents: list[Document], payouts: list[Payout], day: date
) -> None:
    known = [e for e in entries if e.value_date <= day]
    earlier, _ = match_entries(known, documents, payouts)
    ids = {e.entry_id for e in known}
    assert earlier == [a for a in match_entries(entries, documents, payouts)[0] if a.entry_id in ids]


# -- documents that were brought along ---------------------------------------------------------------------------


def brought_along(number: str, amount: str, opened: date = DAY) -> Document:
    return Document(f"O{number}", number, "USD", DAY - timedelta(days=60), Decimal(amount), opened_on=opened)


def test_a_document_brought_along_is_paid_by_its_number_from_the_cut_over_on() -> None:
    paid = entry("e", "60", reference="4711", on=DAY)
    assert run([paid], [brought_along("4711", "100")])[0] == [("e", "O4711", "reference", Decimal(60))]


@pytest.mark.parametrize("said", [{"reference": "4711"}, {"reference": None}])
def test_cash_booked_before_the_cut_over_never_settles_what_was_brought_along(said: dict[str, object]) -> None:
    early = entry("e", "100", on=DAY - timedelta(days=1), **said)
    applications, outcomes = run([early], [brought_along("4711", "100")])
    assert applications == []
    assert (outcomes["e"].status, outcomes["e"].unapplied) == ("unapplied", Decimal(100))
