"""What people asked for, decided and hold, live from the record, as tables that a page's queries read.

Belongs here: one row per request, hold and decision, judged by `access`. Who may decide, and whether it counts, is said
there; pages only show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from billing_assets.access.asks import Ask as Request
    from billing_assets.access.standing import Standing
    from billing_assets.dashboard.ask import Ask
    from billing_assets.ledger import Decision, Ledger

_TEXT, _DAY, _LONG, _FLAG, _AMOUNT = pa.string(), pa.date32(), pa.int64(), pa.bool_(), pa.decimal128(38, 12)


def _schema(**types: pa.DataType) -> pa.Schema:
    return pa.schema(list(types.items()))


# Name of the relation -> its columns. Money is in its currency, exposure in US dollars.
SCHEMAS: dict[str, pa.Schema] = {
    "live_requests": _schema(
        request_no=_LONG,
        what=_TEXT,
        about=_TEXT,
        state=_TEXT,
        amount=_AMOUNT,
        currency=_TEXT,
        exposure_usd=_AMOUNT,
        still_needs=_TEXT,
        requested_by=_TEXT,
        asker=_TEXT,
        role=_TEXT,
        on_behalf_of=_TEXT,
        recorded_on=_DAY,
        expires_on=_DAY,
        days_left=_LONG,
        approvers=_TEXT,
        approved_on=_DAY,
        is_carried_out=_FLAG,
        reason=_TEXT,
        reason_code=_TEXT,
        exception_id=_TEXT,
        document_id=_TEXT,
        contract_id=_TEXT,
        selling_entity=_TEXT,
        period=_TEXT,
        account_id=_TEXT,
        object_hash=_TEXT,
    ),
    "live_holds": _schema(
        hold_no=_LONG,
        level=_TEXT,
        key=_TEXT,
        state=_TEXT,
        reason=_TEXT,
        actor=_TEXT,
        who=_TEXT,
        role=_TEXT,
        recorded_on=_DAY,
        expires_on=_DAY,
        released_by=_TEXT,
        released_on=_DAY,
    ),
    "live_decisions": _schema(
        decision_no=_LONG,
        decision=_TEXT,
        what=_TEXT,
        about=_TEXT,
        request_no=_LONG,
        actor=_TEXT,
        who=_TEXT,
        role=_TEXT,
        on_behalf_of=_TEXT,
        recorded_on=_DAY,
        reason=_TEXT,
        amount=_AMOUNT,
        currency=_TEXT,
        state=_TEXT,
        why=_TEXT,
    ),
}


@dataclass(frozen=True)
class Live:
    """`notice` says why the record cannot be read now; `problem` is set where there is not even an older reading."""

    notice: str = ""
    problem: str = ""


def register(ask: Ask) -> Live:
    """Let this request's queries read the relations of SCHEMAS, empty ones where there is nothing to read."""
    found = ask.record.read("decisions", tables)
    for name, schema in SCHEMAS.items():
        ask.snapshot.cursor.register(name, found.value[name] if found.value else schema.empty_table())
    return Live(found.problem, "" if found.value else found.problem)


def tables(ledger: Ledger) -> dict[str, pa.Table]:
    """Relation -> rows, as of the latest business date that the record knows."""
    from billing_assets.access.standing import Standing

    record = ledger.people()
    days = [event.recorded_on for event in record.access] + [made.recorded_on for made in record.decisions]
    as_of = max((day for day in (ledger.last_as_of(), *days) if day is not None), default=date.min)
    at = Standing.of(record, as_of)
    done = ledger.carried_out()
    rows: dict[str, list[dict[str, Any]]] = {
        "live_requests": [_request(at, ask, as_of, number in done) for number, ask in at.asks.items()],
        "live_holds": [_hold(at, number, hold, as_of) for number, hold in at.holds.items()],
        "live_decisions": [_decision(at, made, as_of) for made in record.decisions],
    }
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in SCHEMAS.items()}


def _request(at: Standing, ask: Request, as_of: date, is_carried_out: bool) -> dict[str, Any]:
    made = ask.request
    subject = made.subject
    state = ask.state(as_of)
    return {
        "request_no": made.decision_no,
        "what": made.what,
        "about": about(made.what, subject),
        # `open` is what a month or an exception is; a request waits.
        "state": "waiting" if state == "open" else state,
        "amount": made.amount,
        "currency": made.currency,
        "exposure_usd": at.exposure(made, as_of),
        "still_needs": at.describe(ask, as_of).partition("; ")[0].removeprefix("needs ") if state == "open" else None,
        "requested_by": made.actor,
        "asker": who(made.actor, made.role, made.on_behalf_of),
        "role": made.role,
        "on_behalf_of": made.on_behalf_of,
        "recorded_on": made.recorded_on,
        "expires_on": made.expires_on,
        "days_left": (made.expires_on - as_of).days if made.expires_on else None,
        "approvers": "; ".join(who(given.actor, given.role, given.on_behalf_of) for given, _ in ask.approvals) or None,
        "approved_on": ask.approved_on,
        "is_carried_out": is_carried_out,
        "reason": made.reason,
        "object_hash": made.object_hash,
        "account_id": made.account_id,
        **{
            name: None if subject.get(name) is None else str(subject[name])
            for name in ("reason_code", "exception_id", "document_id", "contract_id", "selling_entity", "period")
        },
    }


def _hold(at: Standing, number: int, hold: Decision, as_of: date) -> dict[str, Any]:
    from billing_assets.access.extract import state_of

    release = at.released.get(number)
    return {
        "hold_no": number,
        "level": hold.what,
        "key": str(hold.subject["key"]),
        "state": state_of(at, hold, as_of),
        "reason": hold.reason,
        "actor": hold.actor,
        "who": who(hold.actor, hold.role, hold.on_behalf_of),
        "role": hold.role,
        "recorded_on": hold.recorded_on,
        "expires_on": hold.expires_on,
        "released_by": who(release.actor, release.role, release.on_behalf_of) if release else None,
        "released_on": release.recorded_on if release else None,
    }


def _decision(at: Standing, made: Decision, as_of: date) -> dict[str, Any]:
    from billing_assets.access.extract import state_of

    asked = at.asks.get(made.request_no or 0)
    held = at.holds.get(made.request_no or 0)
    answered = asked.request if asked else held
    state = state_of(at, made, as_of)
    words = {"void": "does not count", "open": "waiting"}
    return {
        "decision_no": made.decision_no,
        "decision": made.decision,
        "what": made.what,
        "about": about(made.what, answered.subject if answered else made.subject, made.links),
        "request_no": made.request_no,
        "actor": made.actor,
        "who": who(made.actor, made.role, made.on_behalf_of),
        "role": made.role,
        "on_behalf_of": made.on_behalf_of,
        # A row that cannot be read as what it claims has no day.
        "recorded_on": None if made.recorded_on == date.min else made.recorded_on,
        "reason": made.reason,
        "amount": made.amount,
        "currency": made.currency,
        "state": words.get(state, state),
        "why": at.void.get(made.decision_no),
    }


def who(actor: str, role: str | None, on_behalf_of: str | None) -> str:
    """A person as people are named, with the role they acted in and the one they stood in for."""
    stood_in = f" for {on_behalf_of.removeprefix('user:')}" if on_behalf_of else ""
    return f"{actor.removeprefix('user:')}, {str(role or 'no role').replace('_', ' ')}{stood_in}"


def about(what: str, subject: Mapping[str, Any], links: tuple[str, ...] = ()) -> str:
    """The thing decided on, in one text: a document, an exception, a month, a charge's version, a hold's key."""
    if subject.get("document_id"):
        return str(subject["document_id"])
    if subject.get("exception_id"):
        return str(subject["exception_id"])
    if subject.get("contract_id"):
        charge = f" {subject['charge_id']}" if subject.get("charge_id") else ""
        return f"{subject['contract_id']}{charge} version {subject.get('version')}"
    if subject.get("period"):
        return f"{subject.get('selling_entity')} {subject['period']}"
    if subject.get("key"):
        return str(subject["key"])
    touched = [link for link in links if not link.startswith("release:")]
    return ", ".join(touched) or what
