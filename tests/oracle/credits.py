"""Credit in a meter's unit, burned event by event: what it takes off each group's quantity.

Grants burn by priority, earliest end, start and id, each for what it applies to, while it lives. The platform's clock
is the hour (a quarter of one where midnight is off the hour), so events of one hour burn in the order of their charges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from tests.oracle.calendar import midnight
from tests.oracle.prices import number
from tests.oracle.terms import Contract, Json

LATE = datetime.max.replace(tzinfo=UTC)
Key = tuple[str, date, tuple[tuple[str, str], ...]]  # charge, first day of service, group


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def step_starts(terms: Json, opens: datetime, closes: datetime, zone: object, until: datetime) -> list[datetime]:
    """When the balance begins: at the start, and at every later step of the recurrence, whole local days apart."""
    recurrence = terms.get("recurrence")
    found = [opens]
    if recurrence:
        anchor = instant(recurrence["anchor"])
        assert anchor
        local = anchor.astimezone(zone).replace(tzinfo=None)  # type: ignore[arg-type]
        for step in range(-2000, 2000):
            moment = (local + timedelta(days=step * int(recurrence["every_days"]))).replace(tzinfo=zone)  # type: ignore[arg-type]
            if opens < moment.astimezone(UTC) < min(closes, until):
                found.append(moment.astimezone(UTC))
    return found


def opening(terms: Json, step: int, left: Fraction) -> Fraction:
    """The balance a step begins with: the amount, or what rollover leaves of the step before."""
    rolled = terms.get("recurrence") or {}
    lowest, highest = rolled.get("rollover_min"), rolled.get("rollover_max")
    if step == 0 or (lowest is None and highest is None):
        return number(terms["amount"])
    kept = max(left, number(lowest))
    return kept if highest is None else min(kept, number(highest))


@dataclass
class _Balance:
    terms: Json
    starts: list[datetime]
    closes: datetime
    rank: tuple[object, ...]
    step: int = -1
    left: Fraction = Fraction(0)

    def turn_to(self, at: datetime) -> bool:
        """Bring the balance up to a moment; whether it began anew."""
        began = False
        while self.step + 1 < len(self.starts) and self.starts[self.step + 1] <= at:
            self.step += 1
            self.left = opening(self.terms, self.step, self.left)
            began = True
        if self.closes <= at:
            self.left = Fraction(0)
        return began and self.closes > at


@dataclass
class Demand:
    at: datetime
    key: Key
    product: str | None
    quantity: Fraction
    billed_at: datetime  # overage waits for credit until its period is billed


@dataclass
class UnitCredits:
    """First collects what each group of usage asks for, then says what credit took of it."""

    contract: Contract
    until: datetime
    demands: dict[str, list[Demand]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[Key, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    def ask(self, meter: str, demands: Iterable[Demand]) -> None:
        self.demands[meter] += [demand for demand in demands if demand.quantity > 0]

    def burn(self) -> None:
        for meter, demands in self.demands.items():
            self._burn(self._balances(meter), sorted(demands, key=lambda d: (d.at, d.key[0], d.key[1], d.key[2])))
        self.demands.clear()

    def _balances(self, meter: str) -> list[_Balance]:
        found = []
        for terms in self.contract.versions[-1].get("credit_grants") or []:
            if terms["unit"] == meter:
                opens = instant(terms.get("effective_at")) or midnight(self.contract.starts_on, self.contract.zone)
                ends = min(instant(terms.get("expires_at")) or LATE, instant(terms.get("voided_at")) or LATE)
                starts = step_starts(terms, opens, ends, self.contract.zone, self.until)
                rank = (terms.get("priority") or 0, ends, opens, terms["grant_id"])
                found.append(_Balance(terms, starts, ends, rank))
        return sorted(found, key=lambda balance: balance.rank)

    def _burn(self, balances: Sequence[_Balance], demands: Sequence[Demand]) -> None:
        moments = {demand.at for demand in demands}
        moments |= {at for b in balances for at in [*b.starts, b.closes] if at < self.until}
        waiting: list[Demand] = []
        for at in sorted(moments):
            began = [balance for balance in balances if balance.turn_to(at)]
            waiting = [d for d in waiting if d.billed_at > at and d.quantity > 0]
            for balance in began:
                if balance.terms.get("preserve_overage"):
                    for demand in waiting:
                        self._take(balance, demand)
            for demand in demands:
                if demand.at == at:
                    for balance in balances:
                        self._take(balance, demand)
                    waiting.append(demand)

    def _take(self, balance: _Balance, demand: Demand) -> None:
        scope = balance.terms.get("applies_to")
        if scope and not {demand.key[0], demand.product, "usage"} & set(scope):
            return
        part = min(balance.left, demand.quantity)
        balance.left -= part
        demand.quantity -= part
        self.taken[demand.key] += part
