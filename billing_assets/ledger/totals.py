"""Control totals: what a target said it had of a batch, beside what was issued and what it had confirmed.

A difference stands in the record until the target itself says something else; nothing is repaired by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, func, select
from sqlalchemy import Row as ResultRow

from billing_assets.ledger.canonical import Row, decimal_text
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.outbox import SET_ASIDE
from billing_assets.ledger.tables import CONTROL_TOTALS, OUTBOX_ATTEMPTS, OUTBOX_ITEMS
from billing_assets.ledger.values import SERVICE, BatchTotal, ControlTotal


def record_totals(
    connection: Connection,
    append: Appender,
    target: str,
    batch: int,
    found: Sequence[BatchTotal],
    as_of: date,
    run_identity: str | None,
) -> None:
    """Append one check of a batch, one row a currency; a currency that stood before and is gone gets zeros."""
    before = {row.currency: row.check_no for row in _latest(connection, target, batch)}
    nothing = ControlTotal(0, Decimal(0))
    named = {total.currency for total in found}
    gone = [BatchTotal(currency, nothing, nothing, nothing) for currency in before if currency not in named]
    rows: list[Row] = [
        {
            "target": target,
            "batch": batch,
            "currency": total.currency,
            "check_no": before.get(total.currency, 0) + 1,
            "issued_documents": total.issued.documents,
            "issued_amount": decimal_text(total.issued.amount),
            "confirmed_documents": total.confirmed.documents,
            "confirmed_amount": decimal_text(total.confirmed.amount),
            "held_documents": total.held.documents,
            "held_amount": decimal_text(total.held.amount),
            "as_of": as_of.isoformat(),
        }
        for total in sorted([*found, *gone], key=lambda total: total.currency)
    ]
    if rows:
        append.add(
            "compare",
            "batch",
            f"{target}/{batch}",
            {CONTROL_TOTALS: rows},
            actor=SERVICE,
            run_identity=run_identity,
            facts={"differs": any(total.confirmed != total.held for total in found)},
        )


def uncompared_batches(connection: Connection, target: str) -> list[int]:
    """Batches with an attempt after their last check, and those whose last check found a difference; in order."""
    item, attempt = OUTBOX_ITEMS.c, OUTBOX_ATTEMPTS.c
    attempted = connection.execute(
        select(item.batch, func.max(attempt.entry_sequence).label("last"))
        .join(OUTBOX_ATTEMPTS, attempt.item_key == item.item_key)
        .where(item.target == target, attempt.state != SET_ASIDE)
        .group_by(item.batch)
        .order_by(item.batch)
    )
    checked: dict[int, int] = {}
    differs = set()
    for row in _latest(connection, target):
        checked[row.batch] = max(checked.get(row.batch, 0), row.entry_sequence)
        if (row.confirmed_documents, row.confirmed_amount) != (row.held_documents, row.held_amount):
            differs.add(row.batch)
    return [row.batch for row in attempted if row.batch in differs or checked.get(row.batch, 0) < row.last]


def _latest(connection: Connection, target: str, batch: int | None = None) -> Sequence[ResultRow[Any]]:
    """The last check of each batch and currency."""
    check = CONTROL_TOTALS.c
    wanted = [check.target == target, *([] if batch is None else [check.batch == batch])]
    last = (
        select(check.batch, check.currency, func.max(check.check_no).label("check_no"))
        .where(*wanted)
        .group_by(check.batch, check.currency)
        .subquery()
    )
    return connection.execute(
        select(CONTROL_TOTALS)
        .join(
            last,
            and_(last.c.batch == check.batch, last.c.currency == check.currency, last.c.check_no == check.check_no),
        )
        .where(*wanted)
    ).all()
