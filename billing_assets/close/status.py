"""What is open in a period: close gates per selling entity and channel, with counts and money, and held documents.

Reads the warehouse read-only; computes nothing that the marts do not say. `render` is pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing_assets.errors import OperatorError
from billing_assets.ledger import PeriodState
from billing_assets.periods import month_bounds
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

READY = "ready"


class UnknownPeriod(OperatorError):
    """No contract was in force in the period, or it lies after the business date: there is nothing to close."""


@dataclass(frozen=True)
class GateStatus:
    """One close gate of a selling entity and channel, per currency. Amounts are estimates where the gate says so."""

    selling_entity: str
    channel: str
    gate_id: str
    gate_name: str
    status: str
    open_count: int
    open_amount: Decimal | None
    currency: str | None
    owner: str
    first_blocking_cause: str | None


@dataclass(frozen=True)
class ScopeVerdict:
    """What the gate says about issuing in a selling entity and channel, and how many documents it holds one by one."""

    selling_entity: str
    channel: str
    verdict: str
    reasons: str
    held_documents: int


@dataclass(frozen=True)
class CloseStatus:
    """Everything that stands between a period and its lock."""

    period: str
    as_of: str
    gates: tuple[GateStatus, ...]
    verdicts: tuple[ScopeVerdict, ...]

    @property
    def is_ready(self) -> bool:
        """All gates ready, all scopes open, no document held."""
        return all(gate.status == READY for gate in self.gates) and all(
            verdict.verdict == "open" and not verdict.held_documents for verdict in self.verdicts
        )


_GATES = """
    select selling_entity, channel, gate_id, gate_name, status, open_count, open_amount, currency, owner,
        first_blocking_cause
    from marts.fct_readiness where period = ?
    order by selling_entity, channel, gate_id, currency
"""
_VERDICTS = """
    select scopes.selling_entity, scopes.channel, scopes.verdict, scopes.reasons, count(documents.key)
    from raw_gate.verdicts as scopes
    left join raw_gate.verdicts as documents
        on documents.level = 'document' and documents.verdict = 'closed'
        and documents.period = scopes.period and documents.selling_entity = scopes.selling_entity
        and documents.channel = scopes.channel
    where scopes.level = 'scope' and scopes.period = ?
    group by all
    order by 1, 2
"""


def status(settings: Settings, period: str, selling_entity: str | None = None) -> CloseStatus:
    """The state of `period` ('YYYY-MM') as of the last finished run, of one selling entity or of all.

    Raises UnknownPeriod, also for a text that is no month, and NoWarehouse when nothing was run yet.
    """
    try:
        month_bounds(period)
    except ValueError as error:
        raise UnknownPeriod(f"{period} is no month like 2026-03") from error
    with Warehouse(settings.warehouse_path).reader() as connection:
        row = connection.execute("select as_of from raw.run_context").fetchone()
        gates = tuple(GateStatus(*values) for values in connection.execute(_GATES, [period]).fetchall())
        verdicts = tuple(ScopeVerdict(*values) for values in connection.execute(_VERDICTS, [period]).fetchall())
    if selling_entity is not None:
        gates = tuple(gate for gate in gates if gate.selling_entity == selling_entity)
        verdicts = tuple(verdict for verdict in verdicts if verdict.selling_entity == selling_entity)
    as_of = str(row[0]) if row else "never"
    if not gates:
        raise UnknownPeriod(f"{period} has nothing to close as of {as_of}: no contract in force, or a later month")
    return CloseStatus(period, as_of, gates, verdicts)


def render(close: CloseStatus) -> str:
    """The status as plain text: one block per selling entity and channel, gates that are not ready with their money."""
    lines = [f"Close {close.period} as of {close.as_of}: {'READY' if close.is_ready else 'NOT READY'}"]
    verdicts = {(verdict.selling_entity, verdict.channel): verdict for verdict in close.verdicts}
    for scope in sorted({(gate.selling_entity, gate.channel) for gate in close.gates}):
        gates = [gate for gate in close.gates if (gate.selling_entity, gate.channel) == scope]
        ready = len({gate.gate_id for gate in gates if gate.status == READY})
        lines += ["", f"{scope[0]} {scope[1]}: {ready} of {len({gate.gate_id for gate in gates})} gates ready"]
        verdict = verdicts.get(scope)
        if verdict is not None:
            held = f", {verdict.held_documents} documents held" if verdict.held_documents else ""
            reasons = "" if verdict.verdict == "open" else f" ({', '.join(json.loads(verdict.reasons))})"
            lines.append(f"  issuing: {verdict.verdict}{reasons}{held}")
        for gate in gates:
            if gate.status != READY:
                lines.append(
                    f"  {gate.gate_id} {gate.status:<8}{gate.open_count:>6}  {_money(gate):>20}  {gate.gate_name}"
                )
                if gate.first_blocking_cause:
                    lines.append(f"      {gate.owner}: {gate.first_blocking_cause}")
    return "\n".join(lines)


def render_steps(
    states: Mapping[tuple[str, str], PeriodState], selling_entity: str | None = None, period: str | None = None
) -> str:
    """One line per month that took a step: state, version, who, when. A month that is not there is open, version 1."""
    shown = {
        key: at for key, at in sorted(states.items()) if selling_entity in (None, key[0]) and period in (None, key[1])
    }
    if not shown:
        return "open, version 1: no step was taken"
    return "\n".join(
        f"{entity} {month}  {at.state.replace('_', ' '):<12} version {at.version}  {at.event.replace('_', ' ')} "
        f"on {at.as_of} by {at.actor}"
        for (entity, month), at in shown.items()
    )


def _money(gate: GateStatus) -> str:
    if gate.open_amount is None:
        return "-"
    return f"{gate.open_amount:,.2f} {gate.currency}"
