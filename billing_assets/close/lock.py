"""Soft close, lock and reopen a month of a selling entity: what must be so before, what is frozen, who acted.

A lock stands on one finished run: the gate and the close gates said so about exactly what the record holds now.
States and their order are the ledger's; who may act is `access`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from billing_assets.access import act, decided, facts
from billing_assets.access.duties import Duty
from billing_assets.access.people import Actor
from billing_assets.close import frozen, pack
from billing_assets.controls.evaluate import ask
from billing_assets.controls.gate import OPEN, period_key
from billing_assets.errors import OperatorError
from billing_assets.ledger import Ledger, PeriodState, RunIdentity
from billing_assets.ledger.periods import LOCKED, REOPENED, SOFT_CLOSED, locked_through
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

# Before the first month: everything the entity ever had is frozen with its first lock.
_EVER = ""


class NotLockable(OperatorError):
    """Something stands between the month and its lock; the message lists all of it with counts and money."""


class NotApproved(OperatorError):
    """No effective request covers the reopening."""


@dataclass(frozen=True)
class Obstacle:
    """One thing in the way of a lock. Amounts by currency may be estimates, as the close gates' are."""

    what: str
    count: int = 0
    amount: Decimal | None = None
    currency: str | None = None

    def __str__(self) -> str:
        money = f", {self.amount:,.2f} {self.currency}" if self.amount is not None else ""
        return f"{self.what}: {self.count} open{money}" if self.count else self.what


@dataclass(frozen=True)
class Close:
    """One home's months and who acts on them. `identity` is the run as everything stands now."""

    settings: Settings
    warehouse: Warehouse
    ledger: Ledger
    identity: RunIdentity

    def soft_close(self, actor: Actor, selling_entity: str, period: str, reason: str) -> PeriodState:
        """From now on the month takes adjustments only. Raises LedgerError or Forbidden."""
        self._check(selling_entity, period, SOFT_CLOSED)
        decision_no = self._perform(actor, selling_entity, period, reason)
        return self._record(actor, selling_entity, period, SOFT_CLOSED, decision_no)

    def lock(self, actor: Actor, selling_entity: str, period: str, reason: str) -> PeriodState:
        """Freeze the month's reports and shut it. Raises NotLockable with everything that is in the way."""
        self._check(selling_entity, period, LOCKED)
        stood_at = self.ledger.sequence()
        found = self.obstacles(selling_entity, period)
        if found:
            lines = "".join(f"\n  {obstacle}" for obstacle in found)
            raise NotLockable(f"{period} of {selling_entity} cannot be locked:{lines}")
        after = locked_through(self.ledger.period_states(), selling_entity) or _EVER
        with self.warehouse.reader() as connection:
            reports = pack.cut(connection, selling_entity, after, period)
        decision_no = self._perform(actor, selling_entity, period, reason)
        # Evidence first: the record never names bytes that are not kept.
        results = frozen.keep(self.settings, reports)
        state = self.ledger.record_period(
            selling_entity,
            period,
            LOCKED,
            actor=actor.name,
            as_of=self.identity.as_of,
            decision_no=decision_no,
            results=results,
            expected_sequence=stood_at + 1,  # the act itself and nothing else since the month was judged
        )
        frozen.copy_out(self.settings, self.ledger)
        return state

    def reopen(self, actor: Actor, selling_entity: str, period: str, reason: str) -> PeriodState:
        """Open a locked month again as its next version, by the approved request for it. Raises NotApproved."""
        wanted = {"selling_entity": selling_entity, "period": period}
        used = {step.decision_no for step in self.ledger.period_history() if step.event == REOPENED}
        at = facts.month(self.ledger, selling_entity, period)
        requests = [
            request
            for request in decided.effective(self.ledger, "period_reopen", self.identity.as_of)
            if request.subject == wanted and request.object_hash == at.object_hash and request.request_no not in used
        ]
        if not requests:
            raise NotApproved(
                f"{period} of {selling_entity} cannot be reopened: no approved request for it as it stands. "
                "`billing request period-reopen`, then two approvals by others who may lock"
            )
        self._check(selling_entity, period, REOPENED, requests[0].request_no)
        self._perform(actor, selling_entity, period, reason)
        return self._record(actor, selling_entity, period, REOPENED, requests[0].request_no)

    def obstacles(self, selling_entity: str, period: str) -> list[Obstacle]:
        """Everything that stands between the month and its lock; empty = it can be locked."""
        stale = self._stale()
        if stale:
            return [Obstacle(stale)]  # whatever else the warehouse says is about another run
        faults = self.ledger.verify()
        broken = [Obstacle(f"chain: {fault}") for fault in faults[:1]]
        if len(faults) > 1:
            broken.append(Obstacle(f"and {len(faults) - 1} more faults: billing audit verify"))
        return [*broken, *self._gate(selling_entity, period), *self._readiness(selling_entity, period)]

    # -- what is looked at -----------------------------------------------------------------------------------------

    def _stale(self) -> str | None:
        if self.ledger.last_finished_run() != self.identity:
            return "the last finished run is not of what the record, the decisions and the code are now: billing run"
        with self.warehouse.reader() as connection:
            row = connection.execute("select run_identity from raw.run_context").fetchone()
        if row != (self.identity.text,):
            return "the warehouse holds another run than the last finished one: billing run"
        return None

    def _gate(self, selling_entity: str, period: str) -> list[Obstacle]:
        verdicts = ask(self.warehouse, self.ledger, self.identity.as_of)
        key = period_key(period, selling_entity)
        of_month = [verdict for verdict in verdicts if verdict.level == "period" and verdict.key == key]
        if not of_month:
            return [Obstacle(f"gate: nobody judged {period} of {selling_entity}: no contract in force, no document")]
        return [
            Obstacle(f"gate: closed by {', '.join(verdict.reasons)}") for verdict in of_month if verdict.verdict != OPEN
        ]

    def _readiness(self, selling_entity: str, period: str) -> list[Obstacle]:
        with self.warehouse.reader() as connection:
            return _open_gates(connection, selling_entity, period)

    def _check(self, selling_entity: str, period: str, event: str, decision_no: int | None = None) -> None:
        # Before anybody is on record as having done it.
        self.ledger.check_period(selling_entity, period, event, self.identity.as_of, decision_no)

    # -- what is written -------------------------------------------------------------------------------------------

    def _perform(self, actor: Actor, selling_entity: str, period: str, reason: str) -> int:
        link = f"period:{selling_entity}/{period}"
        return act.perform(self.ledger, actor, Duty.PERIOD_LOCK, [link], reason, self.identity.as_of)

    def _record(
        self, actor: Actor, selling_entity: str, period: str, event: str, decision_no: int | None
    ) -> PeriodState:
        return self.ledger.record_period(
            selling_entity, period, event, actor=actor.name, as_of=self.identity.as_of, decision_no=decision_no
        )


def _open_gates(connection: duckdb.DuckDBPyConnection, selling_entity: str, period: str) -> list[Obstacle]:
    rows = connection.execute(
        """
        select gate_id, gate_name, channel, status, open_count, open_amount, currency
        from marts.fct_readiness
        where selling_entity = ? and period = ? and status <> 'ready'
        order by gate_id, channel, currency
        """,
        [selling_entity, period],
    ).fetchall()
    return [
        Obstacle(f"{gate} {name} ({channel}) {status}", count, amount, currency)
        for gate, name, channel, status, count, amount, currency in rows
    ]
