"""What people asked for, decided and did, as rows. Who may, and whether it counts, belongs to `access`.

Vocabulary: request, approve, reject, withdraw (answers to a request), hold, release (the answer to a hold), sign (a
duty that was done, here or in another system). A row is what somebody said; `access` judges every row anew each time
it is read, so that a row put here past it counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, func, select

from billing_assets.ledger import access
from billing_assets.ledger.canonical import Row, canonical_json, optional_day, optional_decimal, row_hash, row_key
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import DECISIONS, EXCEPTION_EVENTS, RUN_EVENTS
from billing_assets.ledger.values import SERVICE, Decision, NewDecision, PeopleRecord, RunMark

DECISION_WORDS = ("request", "approve", "reject", "withdraw", "hold", "release", "sign")

Judge = Callable[[PeopleRecord], NewDecision]
# The keys of the rows of a table that are proven: see `chain`.
Proven = Collection[str]


def last_sequence(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(DECISIONS.c.decision_no), 0))).scalar_one())


def record(connection: Connection, proven_decisions: Proven, proven_access: Proven) -> PeopleRecord:
    """All that the record has on people, in the order it was written."""
    runs = connection.execute(
        select(RUN_EVENTS.c.entry_sequence, RUN_EVENTS.c.as_of, RUN_EVENTS.c.code_hash).order_by(RUN_EVENTS.c.event_no)
    )
    controls = connection.execute(
        select(EXCEPTION_EVENTS.c.exception_id, EXCEPTION_EVENTS.c.control_id)
        .where(EXCEPTION_EVENTS.c.event_no == 1)
        .where(EXCEPTION_EVENTS.c.control_id.is_not(None))
    )
    return PeopleRecord(
        access=tuple(access.events(connection, proven_access)),
        decisions=tuple(decisions(connection, proven_decisions)),
        runs=tuple(RunMark(row.entry_sequence, date.fromisoformat(row.as_of), row.code_hash) for row in runs),
        controls={row.exception_id: row.control_id for row in controls},
    )


def decisions(connection: Connection, proven: Proven) -> list[Decision]:
    """Every decision, in order. One that cannot be read as what it claims to be is left unproven and empty."""
    rows = connection.execute(select(DECISIONS).order_by(DECISIONS.c.decision_no)).mappings()
    return [_readable(dict(row), proven) for row in rows]


def _readable(row: Row, proven: Proven) -> Decision:
    try:
        return _decision(row, proven)
    except (ArithmeticError, TypeError, ValueError):
        # Somebody wrote it past us. It stays visible, and it counts for nothing.
        number, entry = int(row["decision_no"] or 0), int(row["entry_sequence"] or 0)
        return Decision(
            str(row["decision"]), str(row["what"]), {}, str(row["actor"]), str(row["reason"]), date.min,
            decision_no=number, entry_sequence=entry,
        )  # fmt: skip


def _decision(row: Row, proven: Proven) -> Decision:
    def day(name: str) -> date | None:
        return date.fromisoformat(str(row[name])) if row[name] is not None else None

    def amount(name: str) -> Decimal | None:
        return Decimal(str(row[name])) if row[name] is not None else None

    def text(name: str) -> str | None:
        return str(row[name]) if row[name] is not None else None

    return Decision(
        decision=str(row["decision"]),
        what=str(row["what"]),
        subject=json.loads(str(row["subject"])),
        actor=str(row["actor"]),
        reason=str(row["reason"]),
        recorded_on=date.fromisoformat(str(row["recorded_on"])),
        expires_on=day("expires_on"),
        request_no=int(row["request_no"]) if row["request_no"] is not None else None,
        duty=text("duty"),
        role=text("role"),
        on_behalf_of=text("on_behalf_of"),
        object_hash=text("object_hash"),
        account_id=text("account_id"),
        amount=amount("amount"),
        currency=text("currency"),
        amount_usd=amount("amount_usd"),
        exposure=amount("exposure"),
        links=tuple(json.loads(str(row["links"]))) if row["links"] is not None else (),
        decision_no=int(row["decision_no"] or 0),
        entry_sequence=int(row["entry_sequence"] or 0),
        row_hash=row_hash(row),
        proven=row_key([row["decision_no"]]) in proven,
    )


def append_decision(connection: Connection, append: Appender, decision: NewDecision) -> int:
    """Append one decision; returns its number. A decision has a person or a service account, and a reason."""
    if not decision.actor.strip() or decision.actor == SERVICE:
        raise LedgerError(f"a decision on {decision.what} needs a person: {decision.actor!r} is none")
    if not decision.reason.strip():
        raise LedgerError(f"a decision on {decision.what} needs a reason")
    if decision.decision not in DECISION_WORDS:
        raise LedgerError(f"{decision.decision} is no decision: one of {', '.join(DECISION_WORDS)}")
    decision_no = 1 + last_sequence(connection)
    append.add(
        "decide",
        "decision",
        str(decision_no),
        {DECISIONS: [_row(decision_no, decision)]},
        actor=decision.actor,
        facts={"decision": decision.decision, "what": decision.what, "subject": decision.subject},
    )
    return decision_no


def _row(decision_no: int, decision: NewDecision) -> Row:
    return {
        "decision_no": decision_no,
        "decision": decision.decision,
        "what": decision.what,
        "subject": canonical_json(decision.subject),
        "actor": decision.actor,
        "reason": decision.reason,
        "recorded_on": decision.recorded_on.isoformat(),
        "expires_on": optional_day(decision.expires_on),
        "request_no": decision.request_no,
        "duty": None if decision.duty is None else str(decision.duty),
        "role": decision.role,
        "on_behalf_of": decision.on_behalf_of,
        "object_hash": decision.object_hash,
        "account_id": decision.account_id,
        "amount": optional_decimal(decision.amount),
        "currency": decision.currency,
        "amount_usd": optional_decimal(decision.amount_usd),
        "exposure": optional_decimal(decision.exposure),
        "links": canonical_json([*sorted(set(decision.links))]) if decision.links else None,
    }
