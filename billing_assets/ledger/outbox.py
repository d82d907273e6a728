"""The outbox: what each target is to be given, and every attempt. Sending itself belongs to `publication`.

An item's state is that of its last attempt. Allowed steps are in STEPS; a second relay working on the same items is
refused by them, because `planned` may not follow `planned`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, and_, case, func, select
from sqlalchemy import Row as ResultRow
from sqlalchemy.sql import Subquery

from billing_assets.ledger.canonical import Row
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import ISSUED_DOCUMENTS, OUTBOX_ATTEMPTS, OUTBOX_ITEMS
from billing_assets.ledger.values import SERVICE, Attempt, OutboxItem

NEW = "new"
FINAL = {"confirmed", "rejected"}
# planned: about to be sent (from here on it may have been). unknown: it may have been sent, read back first.
STEPS = {
    NEW: {"planned", "rejected"},
    "planned": {"sent", "unknown", "rejected"},
    "sent": {"unknown", "confirmed", "rejected"},
    "unknown": {"planned", "confirmed", "rejected"},
    "confirmed": set[str](),
    "rejected": set[str](),
}
_CHUNK = 500


def last_attempts() -> Subquery:
    """item_key -> its last attempt's number, and how often it was set out to be sent."""
    planned = func.sum(case((OUTBOX_ATTEMPTS.c.state == "planned", 1), else_=0))
    return (
        select(
            OUTBOX_ATTEMPTS.c.item_key,
            func.max(OUTBOX_ATTEMPTS.c.attempt_no).label("attempt_no"),
            planned.label("sendings"),
        )
        .group_by(OUTBOX_ATTEMPTS.c.item_key)
        .subquery()
    )


def open_batches(connection: Connection, target: str) -> list[int]:
    """Batches of `target` with an item that is neither confirmed nor rejected, in order."""
    attempt = OUTBOX_ATTEMPTS.alias()
    settled = (
        select(attempt.c.item_key)
        .where(attempt.c.item_key == OUTBOX_ITEMS.c.item_key, attempt.c.state.in_(sorted(FINAL)))
        .exists()
    )
    batches = (
        select(OUTBOX_ITEMS.c.batch)
        .where(OUTBOX_ITEMS.c.target == target, ~settled)
        .distinct()
        .order_by(OUTBOX_ITEMS.c.batch)
    )
    return list(connection.execute(batches).scalars())


def batch_items(connection: Connection, target: str, batch: int) -> list[OutboxItem]:
    """Every item of the batch, in the order its documents were issued, with its present state."""
    last = last_attempts()
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
        .where(OUTBOX_ITEMS.c.target == target, OUTBOX_ITEMS.c.batch == batch)
        .order_by(document.sequence, OUTBOX_ITEMS.c.version)
    )
    return [_item(row, target, batch) for row in connection.execute(statement)]


def _item(row: ResultRow[tuple[object, ...]], target: str, batch: int) -> OutboxItem:
    values = dict(row._mapping)
    for name in ("bill_date", "issue_date", "due_date"):
        values[name] = date.fromisoformat(values[name])
    values["total"] = Decimal(values["total"])
    return OutboxItem(target=target, batch=batch, **values)


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
