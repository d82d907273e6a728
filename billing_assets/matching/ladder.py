"""The matching ladder: pure rules from bank entries, documents and payouts to applications of cash.

Entries are taken by value date; within a day those that name what they pay come first, then those known by amount and
date alone. A day sees what was there on that day, so a later entry never undoes an earlier match. What is not certain
stays unapplied with its candidates.

    L1  a trace id, disbursement reference, structured reference or document number names one target
    L3  amount, currency and date fit exactly one target, and exactly one entry fits that target
    L4  several targets are named, and their open amounts add up to the entry exactly
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby

from billing_assets.matching.names import key, keys, mentions_aws, names_a_document
from billing_assets.periods import add_business_days

# Raised with every change of a rule: an application says which rules made it.
RULE_VERSION = 1
# A wire arrives one or two business days after AWS sends it; a bank holiday on both sides makes it five.
PAYOUT_WINDOW_BUSINESS_DAYS = 5
# Interest is income of the bank account, no receivable: MT940, BAI2, and the last part of a camt code.
_INTEREST = frozenset({"NINT", "354", "INTR"})

INVOICE, PAYOUT = "invoice", "payout"
CUSTOMER_RECEIPT, MARKETPLACE_PAYOUT, OUTGOING, OTHER = "customer_receipt", "marketplace_payout", "outgoing", "other"
APPLIED, PARTLY_APPLIED, UNAPPLIED, NOT_RECEIVABLE = "applied", "partly_applied", "unapplied", "not_receivable"

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Entry:
    """A bank entry; amount in its currency, signed, credit +."""

    entry_id: str
    value_date: date
    booking_date: date
    amount: Decimal
    currency: str
    counterparty: str | None = None
    reference: str | None = None
    bank_reference: str | None = None
    narrative: str | None = None
    bank_code: str | None = None


@dataclass(frozen=True)
class Document:
    """An invoice (amount above zero) or credit memo (below), issued here or brought along: what cash has to settle.

    `opened_on`: the cut-over at which it was brought along; what was booked before, the former system has applied.
    """

    document_id: str
    number: str
    currency: str
    issue_date: date
    amount: Decimal
    opened_on: date | None = None
    until: date | None = None  # the last day before it was credited in full: since then amount alone tells it no more


@dataclass(frozen=True)
class Payout:
    """A marketplace payout as the feed tells it, in the currency of the bank. `failed_on` null = never bounced."""

    billing_event_id: str
    paid_on: date
    amount: Decimal
    currency: str
    bank_trace_id: str | None = None
    reference_number: str | None = None
    failed_on: date | None = None


@dataclass(frozen=True)
class Application:
    """Part of an entry that settles a target; negative for a payment that came back or a credit that was paid out."""

    entry_id: str
    target_kind: str
    target_id: str
    rung: str
    amount: Decimal
    currency: str
    applied_on: date


@dataclass(frozen=True)
class Outcome:
    """What became of an entry: applied + unapplied = its amount, both zero where it is no receivable."""

    entry_id: str
    classification: str
    status: str
    applied: Decimal
    unapplied: Decimal
    currency: str
    candidates: tuple[tuple[str, str], ...] = ()  # kind, id


@dataclass(frozen=True)
class _Target:
    """A document or a payout, seen alike."""

    kind: str
    target_id: str
    amount: Decimal
    currency: str
    since: date
    until: date | None = None  # the last day on which amount and date alone tell it
    failed_on: date | None = None
    opened_on: date | None = None

    def takes(self, entry: Entry) -> bool:
        return self.opened_on is None or self.opened_on <= entry.booking_date

    def has_failed(self, on: date) -> bool:
        return self.failed_on is not None and self.failed_on <= on

    def fits(self, entry: Entry) -> bool:
        """Whether currency and date allow a match by amount alone."""
        on = entry.value_date
        return (
            self.currency == entry.currency
            and self.since <= on
            and (self.until is None or on <= self.until)
            and self.takes(entry)
            and not self.has_failed(on)
        )


@dataclass
class _Book:
    """What has been applied so far."""

    applications: list[Application] = field(default_factory=list)
    by_target: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    by_entry: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    partly_paid: dict[_Target, None] = field(default_factory=dict)  # documents; a dict keeps their order

    def collected(self, target: _Target) -> Decimal:
        return self.by_target[target.kind, target.target_id]

    def open(self, target: _Target) -> Decimal:
        return target.amount - self.collected(target)

    def apply(self, entry: Entry, target: _Target, amount: Decimal, rung: str) -> None:
        if not amount:
            return
        # A document that did not exist when the cash was booked is paid on its first day.
        on = max(entry.booking_date, target.since) if target.kind == INVOICE else entry.booking_date
        self.applications.append(
            Application(entry.entry_id, target.kind, target.target_id, rung, amount, entry.currency, on)
        )
        self.by_target[target.kind, target.target_id] += amount
        self.by_entry[entry.entry_id] += amount
        if target.kind == INVOICE:
            self.partly_paid.pop(target, None)
            if self.open(target) not in (_ZERO, target.amount):
                self.partly_paid[target] = None


class _Index:
    """Targets by what names them and by amount."""

    def __init__(self, documents: Iterable[Document], payouts: Iterable[Payout]) -> None:
        self._by_key: dict[str, list[tuple[str, _Target]]] = defaultdict(list)
        self._by_amount: dict[tuple[str, Decimal], list[_Target]] = defaultdict(list)
        for document in sorted(documents, key=lambda d: d.document_id):
            since = document.issue_date
            target = _Target(
                INVOICE,
                document.document_id,
                document.amount,
                document.currency,
                since,
                until=document.until,
                opened_on=document.opened_on,
            )
            self._by_key[key(document.number)].append(("number", target))
            self._by_amount[document.currency, document.amount].append(target)
        for payout in sorted(payouts, key=lambda p: p.billing_event_id):
            if payout.amount <= 0:
                continue  # nothing was sent
            target = _Target(
                PAYOUT,
                payout.billing_event_id,
                payout.amount,
                payout.currency,
                payout.paid_on,
                add_business_days(payout.paid_on, PAYOUT_WINDOW_BUSINESS_DAYS),
                payout.failed_on,
            )
            for rung, name in (("trace_id", payout.bank_trace_id), ("disbursement_reference", payout.reference_number)):
                if name:
                    self._by_key[key(name)].append((rung, target))
            self._by_amount[payout.currency, payout.amount].append(target)

    def named(self, entry: Entry) -> dict[_Target, str]:
        """Targets that the entry names, with the rung: payouts alone where it names one."""
        in_fields = keys((entry.reference, entry.bank_reference))
        found: dict[_Target, str] = {}
        for name in sorted(in_fields | keys((), entry.narrative)):
            for rung, target in self._by_key.get(name, ()):
                is_structured = rung == "number" and name in in_fields
                found.setdefault(target, "reference" if is_structured else rung)
        payouts = {target: rung for target, rung in found.items() if target.kind == PAYOUT}
        by_trace = {target: rung for target, rung in payouts.items() if rung == "trace_id"}
        return by_trace or payouts or found

    def of_amount(self, entry: Entry) -> list[_Target]:
        """Targets whose whole amount is the entry's."""
        return self._by_amount.get((entry.currency, entry.amount), [])


def match_entries(
    entries: Iterable[Entry], documents: Iterable[Document], payouts: Iterable[Payout]
) -> tuple[list[Application], list[Outcome]]:
    """Applications and outcomes, one outcome an entry, whatever the order of the input. Ids must be unique."""
    index, book = _Index(documents, payouts), _Book()
    outcomes: dict[str, Outcome] = {}
    # Unnamed receipts without a match so far, by currency and amount.
    waiting: dict[tuple[str, Decimal], list[Entry]] = defaultdict(list)
    for _, of_day in groupby(sorted(entries, key=lambda e: (e.value_date, e.entry_id)), lambda e: e.value_date):
        today = list(of_day)
        unnamed = []
        # Credits first: what came and went on one day must have come before it went.
        for entry in sorted(today, key=lambda e: e.amount < 0):
            named = index.named(entry)
            if named and entry.amount:
                _settle_named(entry, named, book)
                outcomes[entry.entry_id] = _outcome(entry, list(named), book)
            elif entry.amount > 0 and not _is_interest(entry):
                unnamed.append(entry)
            else:
                kind = OUTGOING if entry.amount < 0 else OTHER
                outcomes[entry.entry_id] = Outcome(entry.entry_id, kind, NOT_RECEIVABLE, _ZERO, _ZERO, entry.currency)
        for entry in unnamed:
            waiting[entry.currency, entry.amount].append(entry)
        candidates = {entry: _candidates(entry, index, book) for entry in unnamed}
        alike = {entry: waiting[entry.currency, entry.amount] for entry in unnamed}
        for entry in [entry for entry in unnamed if _is_certain(entry, candidates[entry], alike[entry])]:
            book.apply(entry, candidates[entry][0], entry.amount, "amount")
            alike[entry].remove(entry)
        outcomes |= {entry.entry_id: _outcome(entry, candidates[entry], book) for entry in unnamed}
    return book.applications, [outcomes[entry_id] for entry_id in sorted(outcomes)]


def _settle_named(entry: Entry, named: dict[_Target, str], book: _Book) -> None:
    """Apply an entry to what it names, as far as that is certain."""
    own = {target: rung for target, rung in named.items() if target.currency == entry.currency and target.takes(entry)}
    if entry.amount > 0:
        # A payout that bounced before is not what arrives now, where the same name tells of another too.
        own = {target: rung for target, rung in own.items() if not target.has_failed(entry.value_date)} or own
    settled = {target: _wanted(entry, target, book) for target in own}
    wanted = {target: amount for target, amount in settled.items() if amount}
    is_alike = all((amount > 0) == (entry.amount > 0) for amount in wanted.values())
    exact = [target for target, amount in wanted.items() if amount == entry.amount]
    if len(wanted) == 1 and is_alike and (len(own) == 1 or exact):
        [(target, amount)] = wanted.items()
        part = min(entry.amount, amount) if entry.amount > 0 else max(entry.amount, amount)
        book.apply(entry, target, part, _rung(entry, target, own[target]))
    elif wanted and sum(wanted.values(), _ZERO) == entry.amount:
        for target, amount in sorted(wanted.items(), key=lambda item: item[0].target_id):
            rung = "numbers" if target.kind == INVOICE else own[target]
            book.apply(entry, target, amount, rung)
    elif len(exact) == 1 and exact[0].kind == PAYOUT:
        book.apply(entry, exact[0], entry.amount, _rung(entry, exact[0], own[exact[0]]))


def _wanted(entry: Entry, target: _Target, book: _Book) -> Decimal:
    """The most that an entry of this sign may apply to a target; zero = nothing."""
    is_credit = entry.amount > 0
    if target.kind == PAYOUT:
        # One receipt a payout: what a short one leaves is a difference to be claimed, not an open item.
        if is_credit:
            return target.amount if book.collected(target) == 0 else _ZERO
        return -book.collected(target)
    if is_credit or target.amount < 0:
        return book.open(target)
    return -book.collected(target)


def _rung(entry: Entry, target: _Target, rung: str) -> str:
    is_return = entry.amount < 0 and target.amount > 0
    return "returned" if is_return else rung


def _candidates(entry: Entry, index: _Index, book: _Book) -> list[_Target]:
    """Open targets that amount, currency and date allow; none for an entry that names a document we do not know."""
    if names_a_document(entry.reference, entry.narrative):
        return []
    found = [
        target
        for target in (*index.of_amount(entry), *book.partly_paid)
        if target.fits(entry) and book.open(target) == entry.amount
    ]
    if mentions_aws(entry.counterparty, entry.narrative):
        return [target for target in found if target.kind == PAYOUT]
    return found


def _is_certain(entry: Entry, candidates: Sequence[_Target], alike: Sequence[Entry]) -> bool:
    """One candidate for the entry, and no other waiting entry that the candidate fits as well."""
    if len(candidates) != 1:
        return False
    [target] = candidates
    return not any(
        other is not entry
        and target.fits(other)
        and not names_a_document(other.reference, other.narrative)
        and (target.kind == PAYOUT or not mentions_aws(other.counterparty, other.narrative))
        for other in alike
    )


def _outcome(entry: Entry, targets: Sequence[_Target], book: _Book) -> Outcome:
    applied = book.by_entry[entry.entry_id]
    unapplied = entry.amount - applied
    is_payout = mentions_aws(entry.counterparty, entry.narrative) if entry.amount > 0 else False
    if targets:
        is_payout = is_payout or all(target.kind == PAYOUT for target in targets)
    status = APPLIED if unapplied == 0 else PARTLY_APPLIED if applied else UNAPPLIED
    return Outcome(
        entry.entry_id,
        MARKETPLACE_PAYOUT if is_payout else CUSTOMER_RECEIPT,
        status,
        applied,
        unapplied,
        entry.currency,
        tuple(sorted((target.kind, target.target_id) for target in targets)) if unapplied else (),
    )


def _is_interest(entry: Entry) -> bool:
    return (entry.bank_code or "").rpartition("/")[2] in _INTEREST
