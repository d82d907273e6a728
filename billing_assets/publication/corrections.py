"""Approved corrections become documents: credit memos, rebills and voids, beside the ordinary drafts of the night.

Asking for one is `correction_requests`; whether a request counts is `access`; what the record allows is checked once
more by the ledger. Belongs here: what an approved request makes, and why one has to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import pyarrow as pa

from billing_assets.access import decided
from billing_assets.access.decided import Request
from billing_assets.errors import OperatorError
from billing_assets.ledger import IssueLine, IssueRequest, Ledger, RecordedDocument, Redraft, RunIdentity
from billing_assets.ledger.periods import open_period
from billing_assets.publication.content import content_hash
from billing_assets.publication.credit_amounts import NotCreditable, Taken, everything

CREDIT, REBILL, VOID = "credit", "rebill", "void"
KINDS = (VOID, REBILL, CREDIT)  # in the order in which they are carried out

# Line kinds that a document's header sums up beside its subtotal.
_PARTS = ("discount", "credit", "tax")

# Why a document may not be issued; empty = it may.
Refusals = Callable[[IssueRequest], list[str]]

_SCHEMA = pa.schema(
    [
        ("contract_id", pa.string()),
        ("bill_date", pa.date32()),
        ("kind", pa.string()),
        ("revision", pa.int32()),
        ("corrects_document_id", pa.string()),
        ("decision_no", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Plan:
    """What the night's corrections make: documents to issue, and why requests or new drafts have to wait."""

    documents: tuple[IssueRequest, ...] = ()
    waiting: Mapping[str, list[str]] = field(default_factory=dict)  # draft or "request N" -> reasons
    voided: tuple[str, ...] = ()  # numbers


def orders(ledger: Ledger, as_of: date) -> list[Request]:
    """Approved requests for corrections that nothing was made for yet, voids first, each kind by its numbers."""
    done = ledger.carried_out()
    standing = decided.standing(ledger, as_of)
    return [
        request
        for kind in KINDS
        for request in decided.effective_of(standing, kind, as_of)
        if request.request_no not in done
    ]


def redrafts(ledger: Ledger, requests: Sequence[Request]) -> list[Redraft]:
    """Bill dates to be drafted again: what the record waits for, and what the approved requests will end."""
    found = {(redraft.contract_id, redraft.bill_date): redraft for redraft in ledger.redrafts()}
    for request in requests:
        document = _document(ledger, request)
        if request.what == CREDIT or document is None or _stale(document, request):
            continue
        redraft = ledger.redraft_of(document, request.what, request.request_no)
        if redraft is not None:
            found.setdefault((redraft.contract_id, redraft.bill_date), redraft)
    return [found[key] for key in sorted(found)]


def table(ledger: Ledger, as_of: date) -> pa.Table:
    """raw_ledger.corrections: one row per bill date that is to be drafted again."""
    rows = redrafts(ledger, orders(ledger, as_of))
    values = [(r.contract_id, r.bill_date, r.kind, r.revision, r.replaces_document_id, r.decision_no) for r in rows]
    columns = list(zip(*values, strict=True)) or [()] * len(_SCHEMA)
    return pa.Table.from_arrays(
        [pa.array(column, item.type) for column, item in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )


def plan(
    ledger: Ledger, drafted: Sequence[Redraft], drafts: Sequence[IssueRequest], refusals: Refusals, run: RunIdentity
) -> Plan:
    """Carry out voids, and say which documents the other requests make.

    `drafted` are the bill dates that were drafted again, `drafts` their new drafts (none where one came to nothing).
    A rebill's credit memo and its new draft go out together or not at all. Of each document one request a run.
    """
    planner = _Planner(ledger, drafted, {(draft.contract_id, draft.bill_date): draft for draft in drafts}, refusals)
    requests = orders(ledger, run.as_of)
    for request in requests:
        if request.what == VOID:
            planner.void(request, run)
    planner.place_new_drafts()
    for request in requests:
        if request.what != VOID:
            planner.make(request)
    return Plan(tuple(planner.documents), planner.waiting, tuple(planner.voided))


class _Planner:
    """One night's corrections, request by request."""

    def __init__(
        self,
        ledger: Ledger,
        drafted: Sequence[Redraft],
        drafts: Mapping[tuple[str, date], IssueRequest],
        refusals: Refusals,
    ) -> None:
        self.documents: list[IssueRequest] = []
        self.waiting: dict[str, list[str]] = {}
        self.voided: list[str] = []
        self._ledger = ledger
        self._drafted = drafted
        self._drafts = drafts
        self._refusals = refusals
        self._states = ledger.period_states()
        self._busy: set[str] = set()  # documents that a request of this run credits

    def void(self, request: Request, run: RunIdentity) -> None:
        try:
            document = _current(self._ledger, request)
            self._ledger.void(document.document_id, request.request_no, run.as_of, run)
            self.voided.append(document.number)
        except OperatorError as error:
            self._wait(request, str(error))

    def place_new_drafts(self) -> None:
        """New drafts whose document before has ended go out if the gate lets them; the others wait for that."""
        ended = self._ledger.redrafts()
        for redraft in self._drafted:
            draft = self._drafts.get((redraft.contract_id, redraft.bill_date))
            if draft is None:
                continue
            if redraft not in ended:
                reasons = [f"{redraft.kind} of {redraft.replaces_document_id} has not been carried out"]
            else:
                reasons = self._refusals(draft)
            if reasons:
                self.waiting[draft.document_id] = reasons
            else:
                self.documents.append(replace(draft, decision_no=redraft.decision_no))

    def make(self, request: Request) -> None:
        """The documents of a credit or a rebill, or the reason why they wait."""
        try:
            made = self._made(request)
        except OperatorError as error:
            self._wait(request, str(error))
            return
        reasons = sorted({reason for document in made for reason in self._refusals(document)})
        if reasons:
            self._wait(request, *reasons)
            return
        self.documents += made
        for document in made:
            self.waiting.pop(document.document_id, None)
            self._busy.add(document.corrects_document_id or "")

    def _made(self, request: Request) -> list[IssueRequest]:
        document = _current(self._ledger, request)
        if document.document_id in self._busy:
            raise NotCreditable(f"another request credits {document.number} in this run: it follows in the next")
        if request.what == CREDIT:
            return [self._memo(request, document)]
        memo = [self._memo(request, document)] if document.left else []
        redraft = self._ledger.redraft_of(document, request.what, request.request_no)
        if redraft not in self._drafted:
            raise NotCreditable("the next run draws up its new draft")
        again = self._drafts.get((document.contract_id, document.bill_date))
        if again is None:
            return memo
        if again.kind == "credit_memo":
            raise NotCreditable(f"the new draft of {document.number} is below zero: credit it in full instead")
        return [*memo, replace(again, decision_no=request.request_no)]

    def _memo(self, request: Request, document: RecordedDocument) -> IssueRequest:
        return memo_of(
            document,
            taken_by(request, document),
            decision_no=request.request_no,
            close_period=open_period(self._states, document.selling_entity, document.close_period, adjustment=True),
            # The new draft pays from the customer's credit anew; a credit without one leaves it as it was used.
            paid_from_credits=-document.paid_left if request.what == REBILL else Decimal(0),
        )

    def _wait(self, request: Request, *reasons: str) -> None:
        self.waiting[f"request {request.request_no}"] = list(reasons)


def memo_of(
    document: RecordedDocument,
    taken: Taken,
    *,
    decision_no: int,
    close_period: str,
    paid_from_credits: Decimal = Decimal(0),
) -> IssueRequest:
    """The credit memo that takes `taken` from the document. Nothing is due on it, and it is due at once."""
    lines = _memo_lines(document, taken, close_period)
    sums = {kind: sum((line.amount for line in lines if line.line_kind == kind), Decimal(0)) for kind in _PARTS}
    total = sum((line.amount for line in lines), Decimal(0))
    request = IssueRequest(
        kind="credit_memo",
        contract_id=document.contract_id,
        account_id=document.account_id,
        channel=document.channel,
        selling_entity=document.selling_entity,
        currency=document.currency,
        bill_date=document.bill_date,
        period_from=document.period_from,
        period_to=document.period_to,
        close_period=close_period,
        payment_terms_days=0,
        subtotal=total - sum(sums.values(), Decimal(0)),
        discount=sums["discount"],
        credit_applied=sums["credit"],
        tax=sums["tax"],
        total=total,
        paid_from_credits=paid_from_credits,
        content_hash="",
        lines=lines,
        revision=document.next_memo_revision,
        corrects_document_id=document.document_id,
        decision_no=decision_no,
        built_on=document.sequence,
    )
    return replace(request, content_hash=content_hash(request))


def _memo_lines(document: RecordedDocument, taken: Taken, close_period: str) -> tuple[IssueLine, ...]:
    """The corrected lines with what is taken from them, in their order. Quantities stay with the invoice."""
    own_no = {line_no: position for position, line_no in enumerate(sorted(taken), start=1)}
    moved = document.close_period if close_period != document.close_period else None
    lines = {item.line.line_no: item.line for item in document.lines}
    return tuple(
        replace(
            lines[line_no],
            line_no=own_no[line_no],
            parent_line_no=own_no.get(lines[line_no].parent_line_no or 0),
            quantity=None,
            unit=None,
            unrounded_amount=None,
            amount=-taken[line_no],
            original_period=lines[line_no].original_period or moved,
            corrects_line_no=line_no,
        )
        for line_no in sorted(taken)
    )


def taken_by(request: Request, document: RecordedDocument) -> Taken:
    """What a request takes: the lines it names, or everything that is left. Raises NotCreditable."""
    named = request.subject.get("lines")
    if request.what == REBILL or named is None:
        return everything(document)
    if not isinstance(named, list):
        raise NotCreditable(f"request {request.request_no} names no lines")
    left = {item.line.line_no: item.left for item in document.lines}
    taken: Taken = {}
    for item in named:
        if not isinstance(item, dict) or item.get("line_no") not in left:
            raise NotCreditable(f"request {request.request_no} names a line that {document.number} does not have")
        line_no, amount = int(str(item["line_no"])), Decimal(str(item["amount"]))
        if amount <= 0 or amount > abs(left[line_no]):
            raise NotCreditable(f"line {line_no} of {document.number} has {left[line_no]:f} left, not {amount:f}")
        taken[line_no] = amount if left[line_no] > 0 else -amount
    return taken


def _current(ledger: Ledger, request: Request) -> RecordedDocument:
    document = _document(ledger, request)
    if document is None:
        raise NotCreditable(f"request {request.request_no} names no issued document")
    if _stale(document, request):
        raise NotCreditable(f"request {request.request_no} was made for other content of {document.number}")
    return document


def _document(ledger: Ledger, request: Request) -> RecordedDocument | None:
    return ledger.document(str(request.subject.get("document_id")))


def _stale(document: RecordedDocument, request: Request) -> bool:
    return document.content_hash != request.object_hash or document.is_voided
