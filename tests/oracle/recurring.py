"""Recurring and one-time lines: seats by day, changes inside a period, trial, suspension, stubs."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.calendar import Period, days, midnight
from tests.oracle.evidence import Suspension
from tests.oracle.figures import total
from tests.oracle.prices import number, priced
from tests.oracle.terms import Contract, Json, Line, day


def _quantity(charge: Json, on: date) -> Fraction:
    quantity = charge.get("quantity")
    if not isinstance(quantity, list):
        return number(quantity, "1")
    found = Fraction(0)
    for step in sorted(quantity, key=lambda step: step["from"]):
        if date.fromisoformat(step["from"]) <= on:
            found = number(step["quantity"])
    return found


def _rate(contract: Contract, charge_id: str, on: date) -> Fraction:
    """What a full period costs at the terms of one day; nothing on a trial day."""
    charge = contract.charge_on(charge_id, on)
    if charge is None or on < _trial_ends(contract):
        return Fraction(0)
    rate = priced(charge["price"], max(_quantity(charge, on) - number(charge.get("included_quantity")), Fraction(0)))
    return rate if charge.get("maximum") is None else min(rate, number(charge["maximum"]))


def _trial_ends(contract: Contract) -> date:
    return contract.starts_on + timedelta(days=contract.billing.get("trial_days") or 0)


def _length(contract: Contract, start: date, end: date) -> int:
    if (contract.billing.get("proration") or "day") == "second":
        return int((midnight(end, contract.zone) - midnight(start, contract.zone)).total_seconds())
    return (end - start).days


def recurring_lines(contract: Contract, charge_id: str, period: Period, stops: list[Suspension]) -> list[Line]:
    """The charge's lines for one period, each with the bill it belongs on."""
    stretches = contract.stretches(charge_id, period)
    if not stretches:
        return []
    charge = stretches[0][2]
    full = _length(contract, period.full_start, period.full_end)

    def line(bill_date: date, start: date, end: date, rate: Fraction, length: int) -> Line:
        unrounded = rate if contract.billing.get("proration") == "none" else rate * Fraction(length, full)
        made = Line("recurring", charge_id, bill_date, start, end, unrounded, (), charge.get("product"))
        made.amount = contract.round(unrounded)
        # Credit is drawn when an advance charge's service begins, and when what is billed behind has been served.
        made.shares = [(midnight(start if bill_date == period.start else end, contract.zone), Fraction(1))]
        return made

    def stopped(start: date, end: date) -> list[date]:
        own = [stop for stop in stops if stop.product == charge["product"]]
        return [on for on in days(start, end) if any(s.start <= on and (s.end is None or on < s.end) for s in own)]

    rates = [(on, _rate(contract, charge_id, on)) for on in days(period.start, period.end)]
    starts = [(on, rate) for n, (on, rate) in enumerate(rates) if n == 0 or rate != rates[n - 1][1]]
    ends = [on for on, _ in starts[1:]] + [period.end]
    lines, known = [], Fraction(0)
    for (start, rate), end in zip(starts, ends, strict=True):
        off = stopped(start, end) if rate else []
        lost = sum(_length(contract, on, on + timedelta(days=1)) for on in off)
        rest = _length(contract, start, period.end)
        if charge["timing"] == "arrears":
            lines.append(line(period.end, start, end, rate, _length(contract, start, end) - lost))
        elif start == max(period.start, _trial_ends(contract)) and (not off or off[0] > start):
            # What the bill at the start knows; days suspended later come back at the end.
            lines.append(line(period.start, start, period.end, rate, rest))
            if off:
                lines.append(line(period.end, off[0], off[-1] + timedelta(days=1), -rate, lost))
        else:
            lines.append(line(period.end, start, period.end, -known, rest))
            lines.append(line(period.end, start, period.end, rate, rest - lost))
        known = rate
    lines = [made for made in lines if made.unrounded]
    return lines + _minimum(contract, charge_id, period, lines)


def _minimum(contract: Contract, charge_id: str, period: Period, lines: list[Line]) -> list[Line]:
    """What the charge's rounded lines of the period lack of its minimum; a charge without lines owes none."""
    served = [s for s in contract.stretches(charge_id, period) if s[1] > _trial_ends(contract)]
    if not served:
        return []
    start, end, charge = max(served[0][0], _trial_ends(contract)), served[-1][1], served[-1][2]
    if charge.get("minimum") is None or not lines:
        return []
    part = Fraction((end - start).days, (period.full_end - period.full_start).days) if charge.get("prorate") else 1
    short = contract.round(number(charge["minimum"]) * part) - total(line.amount for line in lines)
    if short <= 0:
        return []
    line = Line("minimum", charge_id, period.end, start, end, short, (), charge.get("product"), amount=short)
    line.shares = [(midnight(end, contract.zone), Fraction(1))]
    return [line]


def one_time_lines(contract: Contract, charge_id: str) -> list[Line]:
    for version in contract.versions:
        for charge in version["charges"]:
            if charge["charge_id"] == charge_id:
                due = day(charge.get("due_on")) or contract.starts_on
                for bill_date in contract.bill_dates:
                    if bill_date >= due:
                        unrounded = priced(charge["price"], number(charge.get("quantity"), "1"))
                        line = Line("one_time", charge_id, bill_date, due, due, unrounded, (), charge.get("product"))
                        line.amount = contract.round(unrounded)
                        line.shares = [(midnight(due, contract.zone), Fraction(1))]
                        return [line]
                return []
    return []
