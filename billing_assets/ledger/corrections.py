"""Corrections of the record: what a credit memo may take, when a bill date may be drafted again, and the void.

A document never changes. A credit memo takes from its lines, never more than earlier ones left; a rebill is a credit
memo of what is left and the next draft of the bill date beside it; a void ends a document that no target was offered.
All of it is checked here, in the transaction that writes it, whatever was checked before.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, or_, select
from sqlalchemy import Row as ResultRow

from billing_assets.ledger import outbox, periods
from billing_assets.ledger.canonical import Row
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import CorrectionRefused
from billing_assets.ledger.tables import DECISIONS, DOCUMENT_EVENTS, ISSUED_DOCUMENTS, ISSUED_LINES, OUTBOX_ATTEMPTS
from billing_assets.ledger.values import SERVICE, IssueLine, IssueRequest, RecordedDocument, RecordedLine, Redraft

CREDIT_MEMO, INVOICE = "credit_memo", "invoice"
CREDIT, REBILL, VOID = "credit", "rebill", "void"
VOIDED = "voided"

_DOCUMENT, _LINE = ISSUED_DOCUMENTS.c, ISSUED_LINES.c
_ZERO = Decimal(0)
# What a line of a credit memo shares with the line it corrects, so that both net out by any key.
_SHARED = ("line_kind", "charge_id", "reference_id", "product", "meter", "group_key", "service_from", "service_to")
_LINE_FIELDS = {field.name for field in fields(IssueLine)}


@dataclass
class _Taken:
    """What credit memos of this transaction took so far: they are not in the tables yet."""

    lines: dict[tuple[str, int], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    documents: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    paid: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


# -- reading -------------------------------------------------------------------------------------------------------


def document(connection: Connection, name: str) -> RecordedDocument | None:
    """The issued document of that id or number, with what is left of each line; None where there is none."""
    found = connection.execute(
        select(ISSUED_DOCUMENTS).where(or_(_DOCUMENT.document_id == name, _DOCUMENT.number == name))
    ).first()
    if found is None:
        return None
    key = found.document_id
    credited, paid_back, next_memo_revision = _credited(connection, key)
    lines = connection.execute(select(ISSUED_LINES).where(_LINE.document_id == key).order_by(_LINE.line_no)).mappings()
    recorded = tuple(
        RecordedLine(line, line.amount + credited[line.line_no]) for line in (_issue_line(dict(row)) for row in lines)
    )
    latest: int = connection.execute(
        select(func.max(_DOCUMENT.sequence)).where(_DOCUMENT.contract_id == found.contract_id)
    ).scalar_one()
    paid = Decimal(found.paid_from_credits)
    return RecordedDocument(
        document_id=key,
        number=found.number,
        sequence=latest,
        kind=found.kind,
        contract_id=found.contract_id,
        account_id=found.account_id,
        channel=found.channel,
        selling_entity=found.selling_entity,
        currency=found.currency,
        bill_date=date.fromisoformat(found.bill_date),
        period_from=_day(found.period_from),
        period_to=_day(found.period_to),
        close_period=found.close_period,
        revision=found.revision,
        corrects_document_id=found.corrects_document_id,
        content_hash=found.content_hash,
        total=Decimal(found.total),
        paid_from_credits=paid,
        left=Decimal(found.total) + sum(credited.values(), _ZERO),
        paid_left=paid + paid_back,
        is_voided=key in voided_ids(connection, [key]),
        is_offered=_is_offered(connection, key),
        next_memo_revision=next_memo_revision,
        lines=recorded,
    )


def voided_ids(connection: Connection, document_ids: Sequence[str] | None = None) -> set[str]:
    """The voided ones among `document_ids`; of all documents where none are named."""
    event = DOCUMENT_EVENTS.c
    statement = select(event.document_id).where(event.event == VOIDED)
    if document_ids is not None:
        statement = statement.where(event.document_id.in_(list(document_ids)))
    return set(connection.execute(statement).scalars())


def redrafts(connection: Connection) -> list[Redraft]:
    """Bill dates whose latest document was voided, or credited by a rebill that drew up no new one yet."""
    ended = {
        row.document_id: (VOID, row.decision_no)
        for row in connection.execute(
            select(DOCUMENT_EVENTS.c.document_id, DOCUMENT_EVENTS.c.decision_no).where(
                DOCUMENT_EVENTS.c.event == VOIDED
            )
        )
    }
    memos = connection.execute(
        select(_DOCUMENT.document_id, _DOCUMENT.corrects_document_id, _DOCUMENT.decision_no)
        .join(DECISIONS, DECISIONS.c.decision_no == _DOCUMENT.decision_no)
        .where(_DOCUMENT.corrects_document_id.is_not(None), DECISIONS.c.what == REBILL)
    ).all()
    ended |= {row.corrects_document_id: (REBILL, row.decision_no) for row in memos if row.document_id not in ended}
    result = []
    for key, (kind, decision_no) in ended.items():
        own = connection.execute(select(ISSUED_DOCUMENTS).where(_DOCUMENT.document_id == key)).one()
        if _is_correction(own):
            continue  # a voided credit memo: its document stands again as it was
        latest, highest = latest_of(connection, own.contract_id, date.fromisoformat(own.bill_date))
        if latest == key:
            result.append(
                Redraft(
                    own.contract_id, date.fromisoformat(own.bill_date), kind, highest + 1, key, int(decision_no or 0)
                )
            )
    return sorted(result, key=lambda redraft: (redraft.contract_id, redraft.bill_date))


def latest_of(connection: Connection, contract_id: str, bill_date: date) -> tuple[str | None, int]:
    """The bill date's latest document that corrects no other, and the highest revision of any; (None, -1) = none."""
    found = connection.execute(
        select(_DOCUMENT.document_id, _DOCUMENT.kind, _DOCUMENT.revision, _DOCUMENT.corrects_document_id)
        .where(_DOCUMENT.contract_id == contract_id, _DOCUMENT.bill_date == bill_date.isoformat())
        .order_by(_DOCUMENT.revision, _DOCUMENT.sequence)
    ).all()
    ordinary = [row.document_id for row in found if not _is_correction(row)]
    return (ordinary[-1] if ordinary else None, max((row.revision for row in found), default=-1))


def carried_out(connection: Connection) -> set[int]:
    """Requests that a document or a void was made for."""
    documents = select(_DOCUMENT.decision_no).where(_DOCUMENT.decision_no.is_not(None))
    events = select(DOCUMENT_EVENTS.c.decision_no).where(DOCUMENT_EVENTS.c.decision_no.is_not(None))
    return {*connection.execute(documents).scalars(), *connection.execute(events).scalars()}


def _credited(connection: Connection, document_id: str) -> tuple[dict[int, Decimal], Decimal, int]:
    """line_no -> what credit memos took, of the other sign; credit they gave back; the next one's revision."""
    memos = connection.execute(
        select(_DOCUMENT.document_id, _DOCUMENT.paid_from_credits).where(_DOCUMENT.corrects_document_id == document_id)
    ).all()
    standing = {row.document_id: Decimal(row.paid_from_credits) for row in memos}
    for key in voided_ids(connection, list(standing)):
        del standing[key]
    taken: dict[int, Decimal] = defaultdict(Decimal)
    for row in connection.execute(
        select(_LINE.corrects_line_no, _LINE.amount).where(_LINE.document_id.in_(list(standing)))
    ):
        taken[row.corrects_line_no] += Decimal(row.amount)
    own = connection.execute(
        select(_DOCUMENT.contract_id, _DOCUMENT.bill_date).where(_DOCUMENT.document_id == document_id)
    ).one()
    last = connection.execute(
        select(func.max(_DOCUMENT.revision)).where(
            _DOCUMENT.contract_id == own.contract_id,
            _DOCUMENT.bill_date == own.bill_date,
            _DOCUMENT.kind == CREDIT_MEMO,
        )
    ).scalar()
    return taken, sum(standing.values(), _ZERO), 0 if last is None else int(last) + 1


def _issue_line(row: dict[str, Any]) -> IssueLine:
    values = {name: row[name] for name in _LINE_FIELDS}
    for name in ("amount", "quantity", "unrounded_amount"):
        values[name] = None if values[name] is None else Decimal(values[name])
    for name in ("service_from", "service_to"):
        values[name] = _day(values[name])
    return IssueLine(**values)


def _day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _is_correction(row: ResultRow[Any]) -> bool:
    return row.kind == CREDIT_MEMO and row.corrects_document_id is not None


def _is_offered(connection: Connection, document_id: str) -> bool:
    """Whether any target may have been given it. An item that was set aside unsent has not been."""
    return outbox.was_planned(connection, document_id)


# -- what must hold before a document is issued --------------------------------------------------------------------


def check(connection: Connection, requests: Iterable[IssueRequest]) -> None:
    """Raises CorrectionRefused for the first request that corrects something and may not."""
    taken = _Taken()
    ordered: set[tuple[int, str]] = set()
    for request in requests:
        if request.decision_no is not None:
            _check_ordered_once(connection, request, ordered)
        if request.corrects_document_id is not None:
            _check_memo(connection, request, taken)
        elif any(line.corrects_line_no is not None for line in request.lines):
            raise CorrectionRefused(f"{request.document_id}: a line corrects a line, and the document no document")
        elif request.revision > 0:
            _check_redraft(connection, request, taken)


def _check_ordered_once(connection: Connection, request: IssueRequest, ordered: set[tuple[int, str]]) -> None:
    key = (int(request.decision_no or 0), request.kind)
    number = connection.execute(
        select(_DOCUMENT.number).where(_DOCUMENT.decision_no == key[0], _DOCUMENT.kind == request.kind)
    ).scalar()
    if number is not None or key in ordered:
        raise CorrectionRefused(
            f"{request.document_id}: request {key[0]} ordered {number or 'another document'} already; a request orders "
            "each kind of document once"
        )
    ordered.add(key)


def _check_memo(connection: Connection, request: IssueRequest, taken: _Taken) -> None:
    name, key = request.document_id, str(request.corrects_document_id)
    if request.kind != CREDIT_MEMO:
        raise CorrectionRefused(f"{name}: only a credit memo names the document it corrects")
    corrected = document(connection, key)
    if corrected is None or corrected.document_id != key:
        raise CorrectionRefused(f"{name}: {key} is no issued document")
    if corrected.is_voided:
        raise CorrectionRefused(f"{name}: {corrected.number} was voided, there is nothing to credit")
    if corrected.kind != INVOICE:
        raise CorrectionRefused(f"{name}: {corrected.number} is a {corrected.kind}; only an invoice is credited")
    for field_name in ("contract_id", "account_id", "selling_entity", "channel", "currency", "bill_date"):
        own, its = getattr(request, field_name), getattr(corrected, field_name)
        if own != its:
            raise CorrectionRefused(f"{name}: {field_name} is {own}, that of {corrected.number} is {its}")
    approved = _approved(connection, request.decision_no, (CREDIT, REBILL), key, name)
    _check_sums(request)
    if approved.amount is not None and -request.total > Decimal(approved.amount):
        raise CorrectionRefused(
            f"{name}: {-request.total:f} {request.currency} is more than the {approved.amount} that request "
            f"{request.decision_no} was approved for"
        )
    _check_lines(request, corrected, taken)
    left = corrected.left + taken.documents[key]
    if -request.total > left:
        raise CorrectionRefused(f"{name}: {-request.total:f} is more than the {left:f} left of {corrected.number}")
    paid_left = corrected.paid_left + taken.paid[key]
    if not -paid_left <= request.paid_from_credits <= 0:
        raise CorrectionRefused(
            f"{name}: {-request.paid_from_credits:f} cannot go back to credits that paid {paid_left:f}"
        )
    taken.documents[key] += request.total
    taken.paid[key] += request.paid_from_credits


def _check_sums(request: IssueRequest) -> None:
    if request.total >= 0:
        raise CorrectionRefused(f"{request.document_id}: a credit memo is below zero, not {request.total:f}")
    lines = sum((line.amount for line in request.lines), _ZERO)
    parts = request.subtotal + request.discount + request.credit_applied + request.tax
    if lines != request.total or parts != request.total:
        raise CorrectionRefused(f"{request.document_id}: lines or parts do not add up to {request.total:f}")


def _check_lines(request: IssueRequest, corrected: RecordedDocument, taken: _Taken) -> None:
    lines = {recorded.line.line_no: recorded for recorded in corrected.lines}
    for line in request.lines:
        if line.corrects_line_no not in lines:
            raise CorrectionRefused(
                f"{request.document_id} line {line.line_no}: {corrected.number} has no line {line.corrects_line_no}"
            )
        recorded = lines[line.corrects_line_no]
        unlike = [name for name in _SHARED if getattr(line, name) != getattr(recorded.line, name)]
        if unlike:
            raise CorrectionRefused(
                f"{request.document_id} line {line.line_no}: {', '.join(unlike)} is not that of the line it corrects"
            )
        left = recorded.left + taken.lines[corrected.document_id, line.corrects_line_no]
        # Toward zero and not past it, on whichever side of zero the line stands.
        if line.amount == 0 or line.amount * left >= 0 or abs(line.amount) > abs(left):
            raise CorrectionRefused(
                f"{request.document_id} line {line.line_no}: {-line.amount:f} cannot be taken from line "
                f"{line.corrects_line_no} of {corrected.number}, which has {left:f} left"
            )
        taken.lines[corrected.document_id, line.corrects_line_no] += line.amount


def _check_redraft(connection: Connection, request: IssueRequest, taken: _Taken) -> None:
    name = request.document_id
    latest, _ = latest_of(connection, request.contract_id, request.bill_date)
    before = document(connection, latest) if latest else None
    if before is None or before.revision >= request.revision:
        raise CorrectionRefused(f"{name}: revision {request.revision} follows no document of its bill date")
    _approved(connection, request.decision_no, (REBILL, VOID), before.document_id, name)
    if not before.is_voided and before.left + taken.documents[before.document_id] != 0:
        raise CorrectionRefused(
            f"{name}: {before.number} still stands; its bill date is billed again once it is voided or credited in full"
        )


def _approved(
    connection: Connection, decision_no: int | None, kinds: Sequence[str], document_id: str, name: str
) -> ResultRow[Any]:
    """The request behind a correction. Roles, ladder, expiry and signatures were judged by `access` before."""
    decision = DECISIONS.c
    asked = connection.execute(
        select(decision.actor, decision.subject, decision.amount).where(
            decision.decision_no == decision_no, decision.decision == "request", decision.what.in_(list(kinds))
        )
    ).first()
    if asked is None or json.loads(asked.subject).get("document_id") != document_id:
        raise CorrectionRefused(
            f"{name}: no request to {' or '.join(kinds)} {document_id} has the number {decision_no}"
        )
    answers = connection.execute(
        select(decision.decision, decision.actor).where(decision.request_no == decision_no)
    ).all()
    if any(answer.decision in ("reject", "withdraw") for answer in answers):
        raise CorrectionRefused(f"{name}: request {decision_no} was rejected or withdrawn")
    if not any(answer.decision == "approve" and answer.actor != asked.actor for answer in answers):
        raise CorrectionRefused(f"{name}: nobody else than who asked has approved request {decision_no}")
    return asked


# -- void ----------------------------------------------------------------------------------------------------------


def void(
    connection: Connection, append: Appender, document_id: str, decision_no: int, as_of: date, run_identity: str | None
) -> None:
    """End a document that no target was offered; its number stays used and its outbox items are never sent.

    A second call for the same request does nothing. Raises CorrectionRefused or PeriodLocked.
    """
    found = document(connection, document_id)
    if found is None or found.document_id != document_id:
        raise CorrectionRefused(f"{document_id} is no issued document")
    _approved(connection, decision_no, (VOID,), document_id, document_id)
    if found.is_voided:
        return
    if found.is_offered:
        raise CorrectionRefused(f"{found.number} was sent to a target, or may have been: credit it instead")
    if found.left != found.total:
        raise CorrectionRefused(f"{found.number} has credit memos: it is credited, not voided")
    if found.corrects_document_id is not None and _what(connection, found.document_id) == REBILL:
        raise CorrectionRefused(f"{found.number} is half of a rebill: the new document would bill twice")
    periods.require_open(
        periods.states(connection), found.selling_entity, found.close_period, document_id, adjustment=True
    )
    event_no = 1 + int(
        connection.execute(
            select(func.coalesce(func.max(DOCUMENT_EVENTS.c.event_no), 0)).where(
                DOCUMENT_EVENTS.c.document_id == document_id
            )
        ).scalar_one()
    )
    event: Row = {
        "document_id": document_id,
        "event_no": event_no,
        "event": VOIDED,
        "decision_no": decision_no,
        "as_of": as_of.isoformat(),
    }
    append.add(
        "void",
        "document",
        document_id,
        {DOCUMENT_EVENTS: [event], OUTBOX_ATTEMPTS: outbox.set_aside(connection, document_id, as_of)},
        actor=SERVICE,
        run_identity=run_identity,
        facts={"number": found.number, "decision_no": decision_no},
    )


def _what(connection: Connection, document_id: str) -> str | None:
    """What the request behind a document asked for."""
    return connection.execute(
        select(DECISIONS.c.what)
        .join(ISSUED_DOCUMENTS, _DOCUMENT.decision_no == DECISIONS.c.decision_no)
        .where(_DOCUMENT.document_id == document_id)
    ).scalar()
