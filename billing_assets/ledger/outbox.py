"""The outbox: what each target is to be given, and every attempt. Sending itself belongs to `publication`.

An item's state is that of its last attempt. Allowed steps are in STEPS; a second relay working on the same items is
refused by them, because `planned` may not follow `planned`. What a target rejected is tried again only when a person
released it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, and_, case, func, select
from sqlalchemy import Row as ResultRow
from sqlalchemy.sql import Subquery

from billing_assets.ledger.canonical import Row
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import DECISIONS, ISSUED_DOCUMENTS, OUTBOX_ATTEMPTS, OUTBOX_ITEMS
from billing_assets.ledger.values import SERVICE, Attempt, OutboxItem, Standing

NEW = "new"
SET_ASIDE = "void"  # its document was voided before anything was sent
RELEASED = "released"  # rejected once, and a person wants it tried again: read back first, as unknown
FINAL = {"confirmed", "rejected", SET_ASIDE}
# planned: about to be sent (from here on it may have been). unknown: it may have been sent, read back first.
STEPS = {
    NEW: {"planned", "rejected"},  # and set aside, by a void
    "planned": {"sent", "unknown", "rejected"},
    "sent": {"unknown", "confirmed", "rejected"},
    "unknown": {"planned", "confirmed", "rejected"},
    "confirmed": set[str](),
    "rejected": set[str](),  # and released, by a person
    RELEASED: {"planned", "confirmed", "rejected"},
    SET_ASIDE: set[str](),
}
_CHUNK = 500


def last_attempts(*wanted: ColumnElement[bool]) -> Subquery:
    """item_key -> its last attempt's number, and how often it was set out to be sent; of items that are `wanted`."""
    planned = func.sum(case((OUTBOX_ATTEMPTS.c.state == "planned", 1), else_=0))
    return (
        select(
            OUTBOX_ATTEMPTS.c.item_key,
            func.max(OUTBOX_ATTEMPTS.c.attempt_no).label("attempt_no"),
            planned.label("sendings"),
        )
        .join(OUTBOX_ITEMS, OUTBOX_ITEMS.c.item_key == OUTBOX_ATTEMPTS.c.item_key)
        .where(*wanted)
        .group_by(OUTBOX_ATTEMPTS.c.item_key)
        .subquery()
    )


def open_batches(connection: Connection, target: str) -> list[int]:
    """Batches of `target` with an item that is neither confirmed nor rejected, in order."""
    attempt = OUTBOX_ATTEMPTS.alias()
    last_state = (
        select(attempt.c.state)
        .where(attempt.c.item_key == OUTBOX_ITEMS.c.item_key)
        .order_by(attempt.c.attempt_no.desc())
        .limit(1)
        .correlate(OUTBOX_ITEMS)
        .scalar_subquery()
    )
    batches = (
        select(OUTBOX_ITEMS.c.batch)
        .where(OUTBOX_ITEMS.c.target == target, func.coalesce(last_state, NEW).not_in(sorted(FINAL)))
        .distinct()
        .order_by(OUTBOX_ITEMS.c.batch)
    )
    return list(connection.execute(batches).scalars())


def batch_items(connection: Connection, target: str, batch: int) -> list[OutboxItem]:
    """Every item of the batch, in the order its documents were issued, with its present state; no voided ones."""
    last = last_attempts(OUTBOX_ITEMS.c.target == target, OUTBOX_ITEMS.c.batch == batch)
    document = ISSUED_DOCUMENTS.c
    statement = (
        select(
            OUTBOX_ITEMS.c.item_key,
            OUTBOX_ITEMS.c.payload_hash,
            document.document_id,
            document.number,
            document.kind,
            document.selling_entity,
            document.contract_id,
            document.account_id,
            document.bill_date,
            document.issue_date,
            document.due_date,
            document.channel,
            document.close_period,
            document.corrects_document_id,
            document.currency,
            document.total,
            func.coalesce(OUTBOX_ATTEMPTS.c.state, NEW).label("state"),
        )
        .join(ISSUED_DOCUMENTS, document.document_id == OUTBOX_ITEMS.c.document_id)
        .outerjoin(last, last.c.item_key == OUTBOX_ITEMS.c.item_key)
        .outerjoin(
            OUTBOX_ATTEMPTS,
            and_(
                OUTBOX_ATTEMPTS.c.item_key == last.c.item_key,
                OUTBOX_ATTEMPTS.c.attempt_no == last.c.attempt_no,
            ),
        )
        .where(
            OUTBOX_ITEMS.c.target == target,
            OUTBOX_ITEMS.c.batch == batch,
            func.coalesce(OUTBOX_ATTEMPTS.c.state, NEW) != SET_ASIDE,
        )
        .order_by(document.sequence, OUTBOX_ITEMS.c.version)
    )
    return [_item(row, target, batch) for row in connection.execute(statement)]


def _item(row: ResultRow[tuple[object, ...]], target: str, batch: int) -> OutboxItem:
    values = dict(row._mapping)
    for name in ("bill_date", "issue_date", "due_date"):
        values[name] = date.fromisoformat(values[name])
    values["total"] = Decimal(values["total"])
    return OutboxItem(target=target, batch=batch, **values)


def standings(connection: Connection, target: str | None, is_open: bool) -> list[Standing]:
    """Where items stand, in issuing order, by target; `is_open` = only those that are not confirmed or voided."""
    wanted = [] if target is None else [OUTBOX_ITEMS.c.target == target]
    last = last_attempts(*wanted)
    document, attempt = ISSUED_DOCUMENTS.c, OUTBOX_ATTEMPTS.c
    state = func.coalesce(attempt.state, NEW)
    if is_open:
        wanted.append(state.not_in(sorted(FINAL - {"rejected"})))
    rows = connection.execute(
        select(
            OUTBOX_ITEMS.c.item_key,
            OUTBOX_ITEMS.c.target,
            OUTBOX_ITEMS.c.batch,
            document.document_id,
            document.number,
            document.currency,
            document.total,
            document.issue_date,
            state.label("state"),
            func.coalesce(last.c.sendings, 0).label("sendings"),
            attempt.detail.label("answer"),
            attempt.as_of.label("answered_on"),
        )
        .join(ISSUED_DOCUMENTS, document.document_id == OUTBOX_ITEMS.c.document_id)
        .outerjoin(last, last.c.item_key == OUTBOX_ITEMS.c.item_key)
        .outerjoin(OUTBOX_ATTEMPTS, and_(attempt.item_key == last.c.item_key, attempt.attempt_no == last.c.attempt_no))
        .where(*wanted)
        .order_by(OUTBOX_ITEMS.c.target, document.sequence, OUTBOX_ITEMS.c.version)
    )
    result = []
    for row in rows:
        values = dict(row._mapping)
        values["total"], values["issue_date"] = Decimal(values["total"]), date.fromisoformat(values["issue_date"])
        answered = values["answered_on"]
        values["answered_on"] = date.fromisoformat(answered) if answered else None
        result.append(Standing(**values))
    return result


def payloads(connection: Connection, item_keys: Sequence[str]) -> dict[str, str]:
    """item_key -> the canonical JSON to be delivered."""
    result: dict[str, str] = {}
    for start in range(0, len(item_keys), _CHUNK):
        chunk = item_keys[start : start + _CHUNK]
        rows = connection.execute(
            select(OUTBOX_ITEMS.c.item_key, OUTBOX_ITEMS.c.payload).where(OUTBOX_ITEMS.c.item_key.in_(chunk))
        )
        result.update({row.item_key: row.payload for row in rows})
    return result


def record_attempts(
    connection: Connection, append: Appender, attempts: Sequence[Attempt], as_of: date, run_identity: str | None
) -> None:
    """Append one step for each item. Raises LedgerError where the step may not follow the item's state."""
    standing = _standing(connection, [attempt.item_key for attempt in attempts])
    rows: list[Row] = []
    states: dict[str, int] = defaultdict(int)
    for attempt in attempts:
        if attempt.item_key not in standing:
            raise LedgerError(f"the outbox has no item {attempt.item_key}: only issued documents are delivered")
        state, attempt_no = standing[attempt.item_key]
        if attempt.state not in STEPS[state]:
            raise LedgerError(
                f"{attempt.item_key} is {state} and cannot become {attempt.state}: another relay is at work "
                "on it, or it is done"
            )
        standing[attempt.item_key] = (attempt.state, attempt_no + 1)
        states[attempt.state] += 1
        rows.append(
            {
                "item_key": attempt.item_key,
                "attempt_no": attempt_no + 1,
                "state": attempt.state,
                "detail": attempt.detail,
                "as_of": as_of.isoformat(),
            }
        )
    if rows:
        append.add(
            "attempt",
            "outbox_items",
            attempts[0].item_key if len(attempts) == 1 else f"{len(attempts)} items",
            {OUTBOX_ATTEMPTS: rows},
            actor=SERVICE,
            run_identity=run_identity,
            facts=dict(states),
        )


def release(connection: Connection, append: Appender, item_key: str, decision_no: int, actor: str, as_of: date) -> None:
    """Let a rejected item be tried again, as a person decided. Raises LedgerError for any other item or decision.

    The decision names the item by its chain key `outbox:<item key>`, and lets it go once.
    """
    standing = _standing(connection, [item_key])
    if item_key not in standing:
        raise LedgerError(f"the outbox has no item {item_key}: `billing outbox` lists them")
    state, attempt_no = standing[item_key]
    if state != "rejected":
        raise LedgerError(f"{item_key} is {state}: only what a target rejected is released for another try")
    decided = connection.execute(
        select(DECISIONS.c.decision, DECISIONS.c.actor, DECISIONS.c.links).where(DECISIONS.c.decision_no == decision_no)
    ).first()
    detail = f"decision {decision_no}"
    was_used = connection.execute(
        select(OUTBOX_ATTEMPTS.c.attempt_no).where(
            OUTBOX_ATTEMPTS.c.item_key == item_key, OUTBOX_ATTEMPTS.c.detail == detail
        )
    ).first()
    names_it = (
        decided is not None
        and (decided.decision, decided.actor) == ("sign", actor)
        and f"outbox:{item_key}" in json.loads(decided.links or "[]")
    )
    if not names_it or was_used:
        raise LedgerError(f"decision {decision_no} of {actor} does not release {item_key}")
    row: Row = {
        "item_key": item_key,
        "attempt_no": attempt_no + 1,
        "state": RELEASED,
        "detail": detail,
        "as_of": as_of.isoformat(),
    }
    append.add("release", "outbox_items", item_key, {OUTBOX_ATTEMPTS: [row]}, actor=actor)


def _standing(connection: Connection, item_keys: Sequence[str]) -> dict[str, tuple[str, int]]:
    """item_key -> (state, number of its last attempt) for the keys that the outbox has."""
    result: dict[str, tuple[str, int]] = {}
    for start in range(0, len(item_keys), _CHUNK):
        chunk = item_keys[start : start + _CHUNK]
        items = connection.execute(select(OUTBOX_ITEMS.c.item_key).where(OUTBOX_ITEMS.c.item_key.in_(chunk)))
        result.update(dict.fromkeys(items.scalars(), (NEW, 0)))
        rows = connection.execute(
            select(OUTBOX_ATTEMPTS.c.item_key, OUTBOX_ATTEMPTS.c.state, OUTBOX_ATTEMPTS.c.attempt_no)
            .where(OUTBOX_ATTEMPTS.c.item_key.in_(chunk))
            .order_by(OUTBOX_ATTEMPTS.c.attempt_no)
        )
        result.update({row.item_key: (row.state, row.attempt_no) for row in rows})
    return result


# -- voided documents ------------------------------------------------------------------------------------------------


def was_planned(connection: Connection, document_id: str) -> bool:
    """Whether an item of the document was ever set out to be sent, whatever became of it."""
    statement = (
        select(OUTBOX_ATTEMPTS.c.item_key)
        .join(OUTBOX_ITEMS, OUTBOX_ITEMS.c.item_key == OUTBOX_ATTEMPTS.c.item_key)
        .where(OUTBOX_ITEMS.c.document_id == document_id, OUTBOX_ATTEMPTS.c.state == "planned")
    )
    return connection.execute(statement.limit(1)).first() is not None


def set_aside(connection: Connection, document_id: str, as_of: date) -> list[Row]:
    """The attempts that end every item of a document which nothing was sent of."""
    keys: Sequence[str] = (
        connection.execute(
            select(OUTBOX_ITEMS.c.item_key)
            .where(OUTBOX_ITEMS.c.document_id == document_id)
            .order_by(OUTBOX_ITEMS.c.item_key)
        )
        .scalars()
        .all()
    )
    standing = _standing(connection, keys)
    return [
        {
            "item_key": key,
            "attempt_no": attempt_no + 1,
            "state": SET_ASIDE,
            "detail": "the document was voided",
            "as_of": as_of.isoformat(),
        }
        for key, (_, attempt_no) in standing.items()
    ]
