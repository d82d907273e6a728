"""What people decided, for the warehouse: approvals, waivers and holds that count, and every decision with its state.

Business dates only and in a total order, as everything that leaves the ledger. Tables have their types when empty.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa

from billing_assets.access import facts
from billing_assets.access.decided import Request, effective_of, holds_of, waivers_of
from billing_assets.access.errors import Forbidden
from billing_assets.access.standing import Standing
from billing_assets.ledger import Decision, Ledger
from billing_assets.ledger.canonical import canonical_json
from billing_assets.warehouse import Warehouse

_TEXT, _DAY, _LONG, _INT, _AMOUNT = pa.string(), pa.date32(), pa.int64(), pa.int32(), pa.decimal128(38, 12)

SCHEMAS: dict[str, pa.Schema] = {
    "approvals": pa.schema(
        [
            ("what", _TEXT),
            ("contract_id", _TEXT),
            ("charge_id", _TEXT),
            ("version", _INT),
            ("actor", _TEXT),
            ("recorded_on", _DAY),
        ]
    ),
    "waivers": pa.schema(
        [
            ("request_no", _LONG),
            ("exception_id", _TEXT),
            ("amount", _AMOUNT),
            ("row_hash", _TEXT),
            ("maker", _TEXT),
            ("checker", _TEXT),
            ("expires_on", _DAY),
        ]
    ),
    "holds": pa.schema(
        [
            ("hold_no", _LONG),
            ("level", _TEXT),
            ("key", _TEXT),
            ("reason", _TEXT),
            ("actor", _TEXT),
            ("recorded_on", _DAY),
            ("expires_on", _DAY),
        ]
    ),
    "decisions": pa.schema(
        [
            ("decision_no", _LONG),
            ("decision", _TEXT),
            ("what", _TEXT),
            ("subject", _TEXT),
            ("actor", _TEXT),
            ("on_behalf_of", _TEXT),
            ("role", _TEXT),
            ("duty", _TEXT),
            ("reason", _TEXT),
            ("recorded_on", _DAY),
            ("expires_on", _DAY),
            ("request_no", _LONG),
            ("amount", _AMOUNT),
            ("currency", _TEXT),
            ("exposure", _AMOUNT),
            ("state", _TEXT),
        ]
    ),
}
_TERMS = ("price_override", "discount", "terms")


def current_tables(ledger: Ledger, warehouse: Warehouse, as_of: date) -> dict[str, pa.Table]:
    """The tables of `tables`, with approvals of terms and prices that are still those that landed."""
    record = ledger.people()
    with warehouse.reader() as connection:

        def is_current(request: Request) -> bool:
            try:
                return facts.standing_hash(connection, ledger, request.what, request.subject) == request.object_hash
            except Forbidden:
                return False  # the version has not landed, or is gone: there is nothing to approve

        return tables(Standing.of(record, as_of), record.decisions, as_of, is_current)


def tables(
    standing: Standing, decisions: tuple[Decision, ...], as_of: date, is_current: Callable[[Request], bool]
) -> dict[str, pa.Table]:
    """Table name -> rows. `is_current` says whether what an approval is about is still what was approved."""
    approved = [request for what in _TERMS for request in effective_of(standing, what, as_of) if is_current(request)]
    rows: dict[str, list[dict[str, object]]] = {
        "approvals": [
            {
                "what": request.what,
                "contract_id": request.subject.get("contract_id"),
                "charge_id": request.subject.get("charge_id"),
                "version": request.subject.get("version"),
                "actor": request.approvers[-1],
                "recorded_on": request.approved_on,
            }
            for request in sorted(approved, key=lambda request: request.request_no)
        ],
        "waivers": [vars(waiver) for waiver in waivers_of(standing, as_of)],
        "holds": [vars(hold) for hold in holds_of(standing, as_of)],
        "decisions": [
            {
                **vars(decision),
                "subject": canonical_json(decision.subject),
                "state": state_of(standing, decision, as_of),
            }
            for decision in decisions
            if decision.recorded_on <= as_of
        ],
    }
    return {
        name: pa.Table.from_pylist([{key: row[key] for key in schema.names} for row in rows[name]], schema=schema)
        for name, schema in SCHEMAS.items()
    }


def state_of(standing: Standing, decision: Decision, as_of: date) -> str:
    """Where a decision stands: void (a rule refuses it), a request's or hold's state, or recorded."""
    number = decision.decision_no
    if number in standing.void:
        return "void"
    if number in standing.asks:
        return standing.asks[number].state(as_of)
    if number in standing.holds:
        if number in standing.released:
            return "released"
        return "expired" if decision.expires_on is not None and decision.expires_on < as_of else "standing"
    return "recorded"
