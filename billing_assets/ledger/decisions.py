"""What people decided: approvals now, waivers and holds in the same table. Who may decide belongs to `access`."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, func, select

from billing_assets.ledger.canonical import Json, canonical_json
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import DECISIONS
from billing_assets.ledger.values import SERVICE


def last_sequence(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(DECISIONS.c.decision_no), 0))).scalar_one())


def record_decision(
    connection: Connection,
    append: Appender,
    *,
    decision: str,
    what: str,
    subject: dict[str, Json],
    actor: str,
    reason: str,
    recorded_on: date,
    expires_on: date | None = None,
) -> int:
    """Append one decision; returns its number. A decision has a person and a reason, or it is refused."""
    if not actor.strip() or actor == SERVICE:
        raise LedgerError(f"a decision on {what} needs a person: {actor!r} is none")
    if not reason.strip():
        raise LedgerError(f"a decision on {what} needs a reason")
    decision_no = 1 + last_sequence(connection)
    append.add(
        "decide",
        "decision",
        str(decision_no),
        {
            DECISIONS: [
                {
                    "decision_no": decision_no,
                    "decision": decision,
                    "what": what,
                    "subject": canonical_json(subject),
                    "actor": actor,
                    "reason": reason,
                    "recorded_on": recorded_on.isoformat(),
                    "expires_on": expires_on.isoformat() if expires_on else None,
                }
            ]
        },
        actor=actor,
        facts={"decision": decision, "what": what, "subject": subject},
    )
    return decision_no
