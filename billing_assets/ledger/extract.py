"""The ledger for the warehouse: raw_ledger tables as Arrow, business dates only, always all of them.

Current views (state of a publication, of an exception) are derived here from appended events. Nothing of the wall
clock leaves the ledger this way: two homes with the same history hold the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Table, and_, func, select

from billing_assets.ledger.corrections import VOIDED
from billing_assets.ledger.outbox import NEW, last_attempts
from billing_assets.ledger.periods import locked_through, states
from billing_assets.ledger.runs import FINISHED
from billing_assets.ledger.tables import (
    CONTROL_TOTALS,
    DECISIONS,
    DOCUMENT_EVENTS,
    EXCEPTION_EVENTS,
    ISSUED_DOCUMENTS,
    ISSUED_LINES,
    LANDED_FILES,
    NUMBER_STARTS,
    OUTBOX_ATTEMPTS,
    OUTBOX_ITEMS,
    PERIOD_EVENTS,
    RUN_EVENTS,
)

Rows = Sequence[Sequence[Any]]

_TEXT, _DAY, _INT, _LONG, _AMOUNT = pa.string(), pa.date32(), pa.int32(), pa.int64(), pa.decimal128(38, 12)


def _schema(**types: pa.DataType) -> pa.Schema:
    return pa.schema(list(types.items()))


SCHEMAS: dict[str, pa.Schema] = {
    "files": _schema(
        file_sequence=_LONG,
        batch=_INT,
        first_seen=_DAY,
        path=_TEXT,
        sha256=_TEXT,
        landed_sha256=_TEXT,
        size_bytes=_LONG,
        source=_TEXT,
        status=_TEXT,
        duplicate_of=_LONG,
    ),
    "issued_documents": _schema(
        document_id=_TEXT,
        number=_TEXT,
        kind=_TEXT,
        contract_id=_TEXT,
        account_id=_TEXT,
        channel=_TEXT,
        selling_entity=_TEXT,
        currency=_TEXT,
        bill_date=_DAY,
        period_from=_DAY,
        period_to=_DAY,
        close_period=_TEXT,
        issue_date=_DAY,
        due_date=_DAY,
        subtotal=_AMOUNT,
        discount=_AMOUNT,
        credit_applied=_AMOUNT,
        tax=_AMOUNT,
        total=_AMOUNT,
        paid_from_credits=_AMOUNT,
        revision=_INT,
        corrects_document_id=_TEXT,
        content_hash=_TEXT,
        sequence=_LONG,
        decision_no=_LONG,
        ordered=_TEXT,
        reason_code=_TEXT,
        voided_on=_DAY,
    ),
    "issued_lines": _schema(
        document_id=_TEXT,
        line_no=_INT,
        parent_line_no=_INT,
        charge_id=_TEXT,
        reference_id=_TEXT,
        line_kind=_TEXT,
        product=_TEXT,
        meter=_TEXT,
        group_key=_TEXT,
        service_from=_DAY,
        service_to=_DAY,
        quantity=_AMOUNT,
        unit=_TEXT,
        unrounded_amount=_AMOUNT,
        amount=_AMOUNT,
        currency=_TEXT,
        price_version=_INT,
        original_period=_TEXT,
        corrects_line_no=_INT,
    ),
    "publications": _schema(
        target=_TEXT,
        document_id=_TEXT,
        key=_TEXT,
        payload_hash=_TEXT,
        state=_TEXT,
        attempts=_INT,
        confirmed_at=_DAY,
        batch=_LONG,
    ),
    "publication_attempts": _schema(
        target=_TEXT, document_id=_TEXT, key=_TEXT, attempt_no=_INT, state=_TEXT, detail=_TEXT, as_of=_DAY
    ),
    "control_totals": _schema(
        target=_TEXT,
        batch=_LONG,
        currency=_TEXT,
        check_no=_INT,
        issued_documents=_LONG,
        issued_amount=_AMOUNT,
        confirmed_documents=_LONG,
        confirmed_amount=_AMOUNT,
        held_documents=_LONG,
        held_amount=_AMOUNT,
        as_of=_DAY,
    ),
    "exceptions": _schema(
        exception_id=_TEXT, first_seen=_DAY, closed_on=_DAY, control_id=_TEXT, business_key=_TEXT, period=_TEXT
    ),
    "number_starts": _schema(selling_entity=_TEXT, kind=_TEXT, next_no=_LONG, sha256=_TEXT, as_of=_DAY),
    "period_states": _schema(
        selling_entity=_TEXT, period=_TEXT, version=_INT, state=_TEXT, as_of=_DAY, locked_through=_TEXT
    ),
    "period_events": _schema(
        event_no=_LONG,
        selling_entity=_TEXT,
        period=_TEXT,
        version=_INT,
        event=_TEXT,
        decision_no=_LONG,
        as_of=_DAY,
        documents=_LONG,
    ),
    "runs": _schema(run_identity=_TEXT, as_of=_DAY, register_sequence=_LONG, decision_sequence=_LONG),
}


def extract(connection: Connection) -> dict[str, pa.Table]:
    """Table name -> rows, in a total order, with the types of SCHEMAS even when empty."""
    rows: dict[str, Rows] = {
        "files": _stored(connection, "files", LANDED_FILES, LANDED_FILES.c.file_sequence),
        "issued_documents": _issued_documents(connection),
        "issued_lines": _stored(connection, "issued_lines", ISSUED_LINES, *ISSUED_LINES.primary_key.columns),
        "publications": _publications(connection),
        "publication_attempts": _publication_attempts(connection),
        "control_totals": _stored(connection, "control_totals", CONTROL_TOTALS, *CONTROL_TOTALS.primary_key.columns),
        "exceptions": _exceptions(connection),
        "number_starts": _stored(connection, "number_starts", NUMBER_STARTS, *NUMBER_STARTS.primary_key.columns),
        "period_states": _period_states(connection),
        "period_events": _period_events(connection),
        "runs": _runs(connection),
    }
    return {name: _table(rows[name], schema) for name, schema in SCHEMAS.items()}


def _table(rows: Rows, schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = []
    for values, field in zip(columns, schema, strict=True):
        # Amounts and dates are text in the ledger; Arrow casts them exactly or raises.
        stored = field.type if pa.types.is_integer(field.type) else pa.string()
        arrays.append(pa.array(values, stored).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _stored(connection: Connection, name: str, table: Table, *order: ColumnElement[object]) -> Rows:
    columns = [table.c[column] for column in SCHEMAS[name].names]
    return connection.execute(select(*columns).order_by(*order)).all()


def _issued_documents(connection: Connection) -> Rows:
    """Issued documents; with what their request asked for, why, and the day they were voided."""
    document, event, decision = ISSUED_DOCUMENTS.c, DOCUMENT_EVENTS.c, DECISIONS.c
    stored = [document[name] for name in SCHEMAS["issued_documents"].names if name in document]
    rows: Rows = connection.execute(
        select(*stored, decision.what, decision.subject, event.as_of)
        .outerjoin(DECISIONS, decision.decision_no == document.decision_no)
        .outerjoin(DOCUMENT_EVENTS, and_(event.document_id == document.document_id, event.event == VOIDED))
        .order_by(document.sequence)
    ).all()
    return [
        (*row[:-2], json.loads(row[-2]).get("reason_code") if row[-2] is not None else None, row[-1]) for row in rows
    ]


def _publications(connection: Connection) -> Rows:
    last = last_attempts()
    item, attempt = OUTBOX_ITEMS.c, OUTBOX_ATTEMPTS.c
    rows = connection.execute(
        select(
            item.target,
            item.document_id,
            item.item_key,
            item.payload_hash,
            func.coalesce(attempt.state, NEW),
            func.coalesce(last.c.sendings, 0),
            attempt.as_of,
            item.batch,
        )
        .outerjoin(last, last.c.item_key == item.item_key)
        .outerjoin(
            OUTBOX_ATTEMPTS,
            and_(attempt.item_key == last.c.item_key, attempt.attempt_no == last.c.attempt_no),
        )
        .order_by(item.target, item.document_id, item.version)
    )
    # An item that nobody has tried to send is, to a reader, planned.
    return [
        (*row[:4], "planned" if row[4] == NEW else row[4], row[5], row[6] if row[4] == "confirmed" else None, row[7])
        for row in rows
    ]


def _publication_attempts(connection: Connection) -> Rows:
    item, attempt = OUTBOX_ITEMS.c, OUTBOX_ATTEMPTS.c
    return connection.execute(
        select(
            item.target,
            item.document_id,
            item.item_key,
            attempt.attempt_no,
            attempt.state,
            attempt.detail,
            attempt.as_of,
        )
        .join(OUTBOX_ATTEMPTS, attempt.item_key == item.item_key)
        .order_by(item.target, item.document_id, item.version, attempt.attempt_no)
    ).all()


def _exceptions(connection: Connection) -> Rows:
    """Where each exception stands; what it was is told by its first event."""
    events = EXCEPTION_EVENTS.c
    first: dict[object, tuple[object, ...]] = {}
    closed_on: dict[object, object] = {}
    for exception_id, event, as_of, control_id, business_key, period in connection.execute(
        select(
            events.exception_id, events.event, events.as_of, events.control_id, events.business_key, events.period
        ).order_by(events.exception_id, events.event_no)
    ):
        first.setdefault(exception_id, (as_of, control_id, business_key, period))
        closed_on[exception_id] = as_of if event == "closed" else None
    return [(key, seen, closed_on[key], *what) for key, (seen, *what) in first.items()]


def _period_states(connection: Connection) -> Rows:
    known = states(connection)
    return [
        (entity, period, at.version, at.state, at.as_of.isoformat(), locked_through(known, entity))
        for (entity, period), at in sorted(known.items())
    ]


def _period_events(connection: Connection) -> Rows:
    """Every step of a month, with the number of documents the record held when it was taken."""
    event, document = PERIOD_EVENTS.c, ISSUED_DOCUMENTS.c
    held = (
        select(func.coalesce(func.max(document.sequence), 0))
        .where(document.entry_sequence < event.entry_sequence)
        .scalar_subquery()
    )
    return connection.execute(
        select(
            event.event_no,
            event.selling_entity,
            event.period,
            event.version,
            event.event,
            event.decision_no,
            event.as_of,
            held,
        ).order_by(event.event_no)
    ).all()


def _runs(connection: Connection) -> Rows:
    """Finished runs, each identity once, in the order they first finished."""
    event = RUN_EVENTS.c
    rows: Rows = connection.execute(
        select(event.run_identity, event.as_of, event.register_sequence, event.decision_sequence)
        .where(event.event == FINISHED)
        .order_by(event.event_no)
    ).all()
    return list({row[0]: row for row in rows}.values())
