"""Number ranges that another system began: where each goes on, said once and before its first document.

A range without a start begins at 1. A start for a range that has begun, here or by another start, is refused: a
number that was given is never given again, and none is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, func, select

from billing_assets.ledger.canonical import Row
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.tables import ISSUED_DOCUMENTS, NUMBER_STARTS
from billing_assets.ledger.values import KIND_CODES, SERVICE, NumberStart, RefusedStart


def start_numbers(
    connection: Connection, append: Appender, starts: Sequence[NumberStart], as_of: date
) -> list[RefusedStart]:
    begun, given = _begun(connection), first_numbers(connection)
    refused = []
    for start in starts:
        number_range = (start.selling_entity, start.kind)
        if given.get(number_range) == start.next_no:
            continue
        reason = _refusal(start, begun.get(number_range, 0), given.get(number_range))
        if reason:
            refused.append(RefusedStart(start, reason))
            continue
        given[number_range] = start.next_no
        row: Row = {**vars(start), "as_of": as_of.isoformat()}
        append.add(
            "start_numbers",
            "number_range",
            f"{start.selling_entity}/{start.kind}",
            {NUMBER_STARTS: [row]},
            actor=SERVICE,
            facts={"as_of": as_of.isoformat(), "next_no": start.next_no},
        )
    return refused


def first_numbers(connection: Connection) -> dict[tuple[str, str], int]:
    """(selling entity, kind) -> the first number given here, of ranges that another system began."""
    starts = NUMBER_STARTS.c
    rows = connection.execute(select(starts.selling_entity, starts.kind, starts.next_no))
    return {(row.selling_entity, row.kind): row.next_no for row in rows}


def last_numbers(connection: Connection) -> dict[tuple[str, str], int]:
    """(selling entity, kind) -> last number given, of a range that was only started the one before its start."""
    before = {number_range: first - 1 for number_range, first in first_numbers(connection).items()}
    return before | _begun(connection)


def _begun(connection: Connection) -> dict[tuple[str, str], int]:
    columns = ISSUED_DOCUMENTS.c
    rows = connection.execute(
        select(columns.selling_entity, columns.kind, func.max(columns.number_no).label("last")).group_by(
            columns.selling_entity, columns.kind
        )
    )
    return {(row.selling_entity, row.kind): row.last for row in rows}


def _refusal(start: NumberStart, last_given: int, started_at: int | None) -> str | None:
    if start.kind not in KIND_CODES:
        return f"no number range for kind {start.kind}"
    if start.next_no < 1:
        return f"{start.next_no} is no number"
    if last_given:
        return f"the range has begun: {last_given} is given"
    return None if started_at is None else f"the range is to begin at {started_at} already"
