"""Runs as the record has them: started, finished, under which identity."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, desc, func, select

from billing_assets.ledger.chain import Appender
from billing_assets.ledger.tables import LANDED_FILES, RUN_EVENTS
from billing_assets.ledger.values import SERVICE, RunIdentity

STARTED = "started"
FINISHED = "finished"


def record_run(connection: Connection, append: Appender, run: RunIdentity, event: str) -> None:
    event_no = 1 + int(connection.execute(select(func.coalesce(func.max(RUN_EVENTS.c.event_no), 0))).scalar_one())
    append.add(
        f"run_{event}",
        "run",
        run.text,
        {
            RUN_EVENTS: [
                {
                    "event_no": event_no,
                    "event": event,
                    "run_identity": run.text,
                    "as_of": run.as_of.isoformat(),
                    "register_sequence": run.register_sequence,
                    "decision_sequence": run.decision_sequence,
                    "code_hash": run.code_hash,
                }
            ]
        },
        actor=SERVICE,
        run_identity=run.text,
    )


def last_finished(connection: Connection) -> RunIdentity | None:
    row = connection.execute(
        select(RUN_EVENTS).where(RUN_EVENTS.c.event == FINISHED).order_by(desc(RUN_EVENTS.c.event_no)).limit(1)
    ).first()
    if row is None:
        return None
    return RunIdentity(
        register_sequence=row.register_sequence,
        decision_sequence=row.decision_sequence,
        as_of=date.fromisoformat(row.as_of),
        code_hash=row.code_hash,
    )


def last_as_of(connection: Connection) -> date | None:
    """The latest business date the ledger knows: of a run, or of a batch whose run did not get further."""
    days = [
        connection.execute(select(func.max(column))).scalar()
        for column in (RUN_EVENTS.c.as_of, LANDED_FILES.c.first_seen)
    ]
    known = [date.fromisoformat(day) for day in days if day is not None]
    return max(known, default=None)
