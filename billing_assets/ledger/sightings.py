"""Exceptions as the record has them: first seen, closed, reopened. What they mean belongs to `exceptions`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, and_, func, select

from billing_assets.ledger.canonical import Row
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import EXCEPTION_EVENTS
from billing_assets.ledger.values import SERVICE, ExceptionSighting


def record_exceptions(
    connection: Connection,
    append: Appender,
    seen: Sequence[ExceptionSighting],
    as_of: date,
    run_identity: str | None,
) -> None:
    """Append what changed: `seen` is everything that is broken now. Standing exceptions write nothing."""
    sightings = {sighting.exception_id: sighting for sighting in seen}
    if len(sightings) != len(seen):
        raise LedgerError("one exception is reported twice in the same run: its identity is not unique")
    standing = _last_events(connection)
    rows: list[Row] = []
    for exception_id in sorted(sightings.keys() | standing.keys()):
        event, event_no = standing.get(exception_id, (None, 0))
        sighting = sightings.get(exception_id)
        if sighting is None and event != "closed":
            change = "closed"
        elif sighting is not None and event is None:
            change = "seen"
        elif sighting is not None and event == "closed":
            change = "reopened"
        else:
            continue
        rows.append(
            {
                "exception_id": exception_id,
                "event_no": event_no + 1,
                "event": change,
                "as_of": as_of.isoformat(),
                "control_id": sighting.control_id if sighting else None,
                "business_key": sighting.business_key if sighting else None,
                "period": sighting.period if sighting else None,
            }
        )
    if rows:
        append.add(
            "record_exceptions",
            "exceptions",
            as_of.isoformat(),
            {EXCEPTION_EVENTS: rows},
            actor=SERVICE,
            run_identity=run_identity,
            facts={change: sum(row["event"] == change for row in rows) for change in ("seen", "closed", "reopened")},
        )


def _last_events(connection: Connection) -> dict[str, tuple[str, int]]:
    events = EXCEPTION_EVENTS.c
    last = (
        select(events.exception_id, func.max(events.event_no).label("event_no"))
        .group_by(events.exception_id)
        .subquery()
    )
    rows = connection.execute(
        select(events.exception_id, events.event, events.event_no).join(
            last, and_(last.c.exception_id == events.exception_id, last.c.event_no == events.event_no)
        )
    )
    return {row.exception_id: (row.event, row.event_no) for row in rows}
