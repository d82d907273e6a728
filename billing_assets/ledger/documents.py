"""Issuing: drafts become documents of the record, with numbers, lines, verdicts and outbox items, all or none.

Identity is (contract, bill date, kind, revision). Numbers come from the documents themselves, inside the issuing
transaction, so that none is lost or used twice. A document without an open verdict is refused here, at the last
door every route must pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, func, select

from billing_assets.ledger import corrections, numbers, periods
from billing_assets.ledger.canonical import (
    Row,
    canonical_json,
    decimal_text,
    optional_day,
    optional_decimal,
    sha256_text,
    trusted_json,
)
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import DocumentConflict, GateClosed, LedgerError, StaleDraft
from billing_assets.ledger.tables import GATE_VERDICTS, ISSUED_DOCUMENTS, ISSUED_LINES, OUTBOX_ITEMS
from billing_assets.ledger.values import (
    KIND_CODES,
    SERVICE,
    GateVerdict,
    IssuedDocument,
    IssueLine,
    IssueRequest,
    RunIdentity,
)

# Columns that the issuing transaction gives; the others are the document's content.
_GIVEN = {
    "sequence",
    "number",
    "number_no",
    "issue_date",
    "due_date",
    "run_identity",
    "issue_batch",
    "entry_sequence",
}
# What a reader of a published document needs besides its content. Nothing of how the ledger keeps it.
_PUBLISHED_GIVEN = ("number", "issue_date", "due_date")
# The document says it once; only what corrects a line says so.
_OWN_TO_LINE = {"document_id", "corrects_line_no"}
PAYLOAD_VERSION = 1
# Keys bound in one statement: below the smallest limit of any supported database.
_CHUNK = 500
# So many documents are held before they are written, still in one transaction: memory does not grow with the batch.
_FLUSHED = 1_000


class Gate:
    """The verdicts of one gate decision, asked per document. Missing = closed; closed wins over open."""

    def __init__(self, verdicts: Iterable[GateVerdict]) -> None:
        self._scopes: dict[tuple[str | None, str | None, str | None], list[GateVerdict]] = defaultdict(list)
        self._documents: dict[str | None, list[GateVerdict]] = defaultdict(list)
        for verdict in verdicts:
            if verdict.level == "scope":
                self._scopes[verdict.period, verdict.selling_entity, verdict.channel].append(verdict)
            elif verdict.level == "document":
                self._documents[verdict.key].append(verdict)

    def refusals(self, document_id: str, period: str | None, selling_entity: str, channel: str) -> list[str]:
        """Why the document may not be issued: control ids, or what is missing. Empty = it may."""
        scope = self._scopes.get((period, selling_entity, channel), [])
        reasons = [] if scope else [f"no verdict for {period} {selling_entity} {channel}"]
        for verdict in [*scope, *self._documents.get(document_id, [])]:
            if verdict.verdict != "open":
                reasons.extend(verdict.reasons or [f"{verdict.level} closed"])
        return sorted(set(reasons))


def issued_ids(connection: Connection) -> set[str]:
    return set(connection.execute(select(ISSUED_DOCUMENTS.c.document_id)).scalars())


def issue(
    connection: Connection,
    append: Appender,
    requests: Sequence[IssueRequest],
    targets: Sequence[str],
    verdicts: Sequence[GateVerdict],
    run: RunIdentity,
) -> list[IssuedDocument]:
    """Issue every request that is not of the record yet; all of them in order of `requests`.

    Raises DocumentConflict, StaleDraft, PeriodLocked, CorrectionRefused, GateClosed or LedgerError, naming the
    document; then nothing is written.
    """
    contents = {request.document_id: _content(request) for request in requests}
    if len(contents) != len(requests):
        raise LedgerError("one document is asked for twice in the same call")
    known = _known(connection, list(contents))
    for document_id, stored in known.items():
        if stored[1] != contents[document_id]:
            raise DocumentConflict(
                f"{document_id} was issued as {stored[0].number} with other content: an issued document never "
                "changes; correct it with a credit memo and a new revision"
            )
    fresh = [request for request in requests if request.document_id not in known]
    _check_current(connection, fresh)
    periods.check_open(connection, fresh)
    corrections.check(connection, fresh)
    _check_gate(Gate(verdicts), fresh)

    issued = {document_id: document for document_id, (document, _) in known.items()}
    if fresh:
        issued.update(_write(connection, append, fresh, contents, targets, verdicts, run))
    return [issued[request.document_id] for request in requests]


# -- what a document is ------------------------------------------------------------------------------------------

_Content = tuple[Row, list[Row]]


def _content(request: IssueRequest) -> _Content:
    """Header and lines as they will be stored, without what the issuing transaction gives. Checks the request."""
    document_id = request.document_id
    if request.kind not in KIND_CODES:
        raise LedgerError(f"{document_id}: no number range for kind {request.kind}")
    if not request.lines:
        raise LedgerError(f"{document_id}: a document without lines cannot be issued")
    if any(line.currency != request.currency for line in request.lines):
        raise LedgerError(f"{document_id}: a line is not in the document's currency {request.currency}")
    if len({line.line_no for line in request.lines}) != len(request.lines):
        raise LedgerError(f"{document_id}: two lines have the same number")
    try:
        header: Row = {
            "document_id": document_id,
            "kind": request.kind,
            "contract_id": request.contract_id,
            "account_id": request.account_id,
            "channel": request.channel,
            "selling_entity": request.selling_entity,
            "currency": request.currency,
            "bill_date": request.bill_date.isoformat(),
            "period_from": optional_day(request.period_from),
            "period_to": optional_day(request.period_to),
            "close_period": request.close_period,
            "subtotal": decimal_text(request.subtotal),
            "discount": decimal_text(request.discount),
            "credit_applied": decimal_text(request.credit_applied),
            "tax": decimal_text(request.tax),
            "total": decimal_text(request.total),
            "paid_from_credits": decimal_text(request.paid_from_credits),
            "revision": request.revision,
            "corrects_document_id": request.corrects_document_id,
            "content_hash": request.content_hash,
            "decision_no": request.decision_no,
        }
        lines = [_line(document_id, line) for line in sorted(request.lines, key=lambda line: line.line_no)]
    except (TypeError, ValueError) as error:
        raise LedgerError(f"{document_id}: {error}") from error
    return header, lines


def _line(document_id: str, line: IssueLine) -> Row:
    return {
        **vars(line),
        "document_id": document_id,
        "amount": decimal_text(line.amount),
        "unrounded_amount": optional_decimal(line.unrounded_amount),
        "quantity": optional_decimal(line.quantity),
        "service_from": optional_day(line.service_from),
        "service_to": optional_day(line.service_to),
    }


def _known(connection: Connection, ids: list[str]) -> dict[str, tuple[IssuedDocument, _Content]]:
    """The documents among `ids` that are of the record, with their content."""
    result: dict[str, tuple[IssuedDocument, _Content]] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        lines: dict[str, list[Row]] = defaultdict(list)
        line_rows = connection.execute(
            select(ISSUED_LINES)
            .where(ISSUED_LINES.c.document_id.in_(chunk))
            .order_by(ISSUED_LINES.c.document_id, ISSUED_LINES.c.line_no)
        )
        for row in line_rows.mappings():
            lines[row["document_id"]].append({k: v for k, v in row.items() if k != "entry_sequence"})
        documents = connection.execute(select(ISSUED_DOCUMENTS).where(ISSUED_DOCUMENTS.c.document_id.in_(chunk)))
        for row in documents.mappings():
            header = {name: value for name, value in row.items() if name not in _GIVEN}
            result[row["document_id"]] = (_document(dict(row), new=False), (header, lines[row["document_id"]]))
    return result


def _document(row: Row, *, new: bool) -> IssuedDocument:
    return IssuedDocument(
        document_id=str(row["document_id"]),
        number=str(row["number"]),
        sequence=int(row["sequence"] or 0),
        kind=str(row["kind"]),
        contract_id=str(row["contract_id"]),
        selling_entity=str(row["selling_entity"]),
        currency=str(row["currency"]),
        total=Decimal(str(row["total"])),
        issue_date=date.fromisoformat(str(row["issue_date"])),
        due_date=date.fromisoformat(str(row["due_date"])),
        newly_issued=new,
    )


# -- what must hold before ---------------------------------------------------------------------------------------


def _check_current(connection: Connection, requests: Sequence[IssueRequest]) -> None:
    """Each draft knew the contract's latest document: otherwise it may bill again what that one billed."""
    contracts = sorted({request.contract_id for request in requests})
    latest: dict[str, int] = {}
    for start in range(0, len(contracts), _CHUNK):
        rows = connection.execute(
            select(ISSUED_DOCUMENTS.c.contract_id, func.max(ISSUED_DOCUMENTS.c.sequence).label("last"))
            .where(ISSUED_DOCUMENTS.c.contract_id.in_(contracts[start : start + _CHUNK]))
            .group_by(ISSUED_DOCUMENTS.c.contract_id)
        )
        latest.update({row.contract_id: row.last for row in rows})
    for request in requests:
        last = latest.get(request.contract_id, 0)
        if request.built_on != last:
            raise StaleDraft(
                f"{request.document_id}: the draft was built on issued document {request.built_on} of contract "
                f"{request.contract_id}, the ledger is at {last}: run again to draft it anew"
            )


def _check_gate(gate: Gate, requests: Sequence[IssueRequest]) -> None:
    for request in requests:
        reasons = gate.refusals(request.document_id, request.close_period, request.selling_entity, request.channel)
        if reasons:
            raise GateClosed(f"{request.document_id} may not be issued: {', '.join(reasons)}")


# -- writing -----------------------------------------------------------------------------------------------------


def _write(
    connection: Connection,
    append: Appender,
    requests: Sequence[IssueRequest],
    contents: dict[str, _Content],
    targets: Sequence[str],
    verdicts: Sequence[GateVerdict],
    run: RunIdentity,
) -> dict[str, IssuedDocument]:
    batch = 1 + _highest(connection, GATE_VERDICTS.c.issue_batch)
    verdict_rows: list[Row] = [
        {
            "issue_batch": batch,
            "verdict_no": position,
            "level": verdict.level,
            "key": verdict.key,
            "period": verdict.period,
            "selling_entity": verdict.selling_entity,
            "channel": verdict.channel,
            "verdict": verdict.verdict,
            "reasons": canonical_json(list(verdict.reasons)),
            "scope_hash": verdict.scope_hash,
        }
        for position, verdict in enumerate(verdicts, start=1)
    ]
    append.add(
        "decide_gate",
        "issue_batch",
        str(batch),
        {GATE_VERDICTS: verdict_rows},
        actor=SERVICE,
        run_identity=run.text,
        facts={"as_of": run.as_of.isoformat(), "documents": len(requests)},
    )

    sequence = _highest(connection, ISSUED_DOCUMENTS.c.sequence)
    given = defaultdict(int, numbers.last_numbers(connection))
    result: dict[str, IssuedDocument] = {}
    for request in requests:
        sequence += 1
        number_no = given[request.selling_entity, request.kind] = given[request.selling_entity, request.kind] + 1
        content, lines = contents.pop(request.document_id)
        header: Row = {
            **content,
            "sequence": sequence,
            "number": f"{request.selling_entity}-{KIND_CODES[request.kind]}-{number_no:06d}",
            "number_no": number_no,
            "issue_date": run.as_of.isoformat(),
            "due_date": (run.as_of + timedelta(days=request.payment_terms_days)).isoformat(),
            "run_identity": run.text,
            "issue_batch": batch,
        }
        payload = _payload(content, header, lines)
        append.add(
            "issue",
            "document",
            request.document_id,
            {
                ISSUED_DOCUMENTS: [header],
                ISSUED_LINES: lines,
                OUTBOX_ITEMS: _items(request.document_id, batch, targets, payload),
            },
            actor=SERVICE,
            run_identity=run.text,
            facts={name: header[name] for name in ("number", "total", "currency", "content_hash")},
        )
        result[request.document_id] = _document(header, new=True)
        if len(result) % _FLUSHED == 0:
            append.flush()
    return result


def _highest(connection: Connection, column: ColumnElement[int]) -> int:
    return int(connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one())


def _payload(content: Row, header: Row, lines: Sequence[Row]) -> str:
    """What every target is given: the document as canonical JSON. The same bytes wherever the same was issued."""
    document = {**content, **{name: header[name] for name in _PUBLISHED_GIVEN}}
    del document["decision_no"]
    own_lines = [{name: value for name, value in line.items() if name not in _OWN_TO_LINE} for line in lines]
    for own, line in zip(own_lines, lines, strict=True):
        if line["corrects_line_no"] is not None:
            own["corrects_line_no"] = line["corrects_line_no"]
    return trusted_json({"schema_version": PAYLOAD_VERSION, "document": document, "lines": own_lines})


def _items(document_id: str, batch: int, targets: Sequence[str], payload: str) -> list[Row]:
    version = 1  # a document is published once; a correction is another document
    return [
        {
            "item_key": f"{target}/{document_id}/v{version}",
            "target": target,
            "batch": batch,
            "document_id": document_id,
            "version": version,
            "payload_hash": sha256_text(payload),
            "payload": payload,
        }
        for target in targets
    ]
