"""Who may act, as rows: users, roles, tokens (only their hash) and delegations, given and taken away.

What an event means, and whether its actor could make it, belongs to the room `access`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import date

from sqlalchemy import Connection, func, select

from billing_assets.ledger.canonical import Row, canonical_json, row_key
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import ACCESS_EVENTS
from billing_assets.ledger.values import SERVICE, AccessEvent, NewAccessEvent, PeopleRecord

AccessJudge = Callable[[PeopleRecord], Sequence[NewAccessEvent]]


def events(connection: Connection, proven: Collection[str]) -> list[AccessEvent]:
    """Every event, in order."""
    rows = connection.execute(select(ACCESS_EVENTS).order_by(ACCESS_EVENTS.c.event_no)).mappings()
    return [
        AccessEvent(
            event=row["event"],
            user_id=row["user_id"],
            subject=json.loads(row["subject"]),
            actor=row["actor"],
            reason=row["reason"],
            recorded_on=date.fromisoformat(row["recorded_on"]),
            event_no=row["event_no"],
            entry_sequence=row["entry_sequence"],
            proven=row_key([row["event_no"]]) in proven,
        )
        for row in rows
    ]


def append_events(connection: Connection, append: Appender, changes: Sequence[NewAccessEvent]) -> None:
    """Append the events, one entry each. Only a person changes who may act."""
    last = int(connection.execute(select(func.coalesce(func.max(ACCESS_EVENTS.c.event_no), 0))).scalar_one())
    for event_no, change in enumerate(changes, start=last + 1):
        if not change.actor.strip() or change.actor == SERVICE:
            raise LedgerError(f"{change.event} of {change.user_id} needs a person: {change.actor!r} is none")
        row: Row = {
            "event_no": event_no,
            "event": change.event,
            "user_id": change.user_id,
            "subject": canonical_json(change.subject),
            "actor": change.actor,
            "reason": change.reason,
            "recorded_on": change.recorded_on.isoformat(),
        }
        append.add(
            "change_access",
            "user",
            change.user_id,
            {ACCESS_EVENTS: [row]},
            actor=change.actor,
            facts={"event": change.event},
        )
