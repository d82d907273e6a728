"""A contract as the oracle sees it: versions by day, charges by day, billing periods, bill dates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.calendar import Period, days, periods
from tests.oracle.figures import PLACES, rounded

Json = dict[str, Any]


# What charges bill; and what a discount, credit or tax without a scope reaches: all of that, but no prepayment.
CHARGED = {"usage", "minimum", "recurring", "one_time"}
REDUCIBLE = CHARGED | {"true_up", "overage"}


def applies(terms: Json, line: Line) -> bool:
    """Whether a commitment, grant, discount or tax reaches a line: by its charge, product or kind; none named = all."""
    named = terms.get("applies_to")
    return not named or bool({line.charge, line.product, line.kind} & set(named))


def day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


@dataclass
class Line:
    """One line of a bill; `shares` say when its value arose (instant, part), for credits that burn by event time."""

    kind: str
    charge: str
    bill_date: date
    start: date
    end: date
    unrounded: Fraction
    group: tuple[tuple[str, str], ...] = ()
    product: str | None = None
    reference: str | None = None
    amount: Fraction = Fraction(0)
    left: Fraction = Fraction(0)  # after discounts and the credits that reduce the bill
    shares: list[tuple[Any, Fraction]] = field(default_factory=list)
    parent: Line | None = None


class Contract:
    def __init__(self, versions: list[Json], as_of: date) -> None:
        self.versions = versions
        first, last = versions[0], versions[-1]
        self.contract_id: str = first["contract_id"]
        self.zone = ZoneInfo(first["timezone"])
        self.currency: str = first["currency"]
        billing = first["billing"]
        self.billing = billing
        rounding = billing.get("rounding") or {}
        self.mode: str = rounding.get("mode") or "half_up"
        self.stage: str = rounding.get("stage") or "line"
        places = rounding.get("places")
        self.places: int = PLACES[self.currency] if places is None else places
        self.starts_on = date.fromisoformat(first["starts_on"])
        self.ends_on = day(last.get("ends_on"))
        anchor, every = date.fromisoformat(billing["anchor_date"]), billing.get("every") or 1
        self.periods = list(periods(self.starts_on, self.ends_on, anchor, billing["frequency"], every, as_of))
        self.bill_dates = sorted({d for p in self.periods for d in (p.start, p.end)})

    def round(self, value: Fraction) -> Fraction:
        return rounded(value, self.places, self.mode)

    def version_on(self, on: date) -> Json:
        """The terms in force: the last version whose effective date has come (the first governs from the start)."""
        found = self.versions[0]
        for version in self.versions[1:]:
            if date.fromisoformat(version["effective_from"]) <= on:
                found = version
        return found

    def charge_on(self, charge_id: str, on: date) -> Json | None:
        if on < self.starts_on or (self.ends_on and on >= self.ends_on):
            return None
        charges: list[Json] = self.version_on(on)["charges"]
        for charge in charges:
            start, end = day(charge.get("effective_from")), day(charge.get("effective_to"))
            if charge["charge_id"] == charge_id and (not start or start <= on) and (not end or on < end):
                return charge
        return None

    def charge_ids(self, kind: str) -> list[str]:
        return sorted({c["charge_id"] for v in self.versions for c in v["charges"] if c["type"] == kind})

    def stretches(self, charge_id: str, period: Period) -> list[tuple[date, date, Json]]:
        """The days of the period on which the charge holds, split where its terms change."""
        found: list[tuple[date, date, Json]] = []
        for on in days(period.start, period.end):
            charge = self.charge_on(charge_id, on)
            if charge is None:
                continue
            if found and found[-1][1] == on and found[-1][2] == charge:
                found[-1] = (found[-1][0], _next(on), charge)
            else:
                found.append((on, _next(on), charge))
        return found


def _next(on: date) -> date:
    return date.fromordinal(on.toordinal() + 1)
