"""Recurring and one-time lines: seats by day, changes inside a period, trial, suspension, stubs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.calendar import Period, days, midnight
from tests.oracle.evidence import Suspension
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


def _rate(contract: Contract, charge_id: str, on: date, stops: Iterable[Suspension]) -> Fraction:
    """What a full period costs at the terms of one day; nothing on a trial or suspended day."""
    charge = contract.charge_on(charge_id, on)
    if charge is None or on < contract.starts_on + timedelta(days=contract.billing.get("trial_days") or 0):
        return Fraction(0)
    for stop in stops:
        if stop.product == charge["product"] and stop.start <= on and (stop.end is None or on < stop.end):
            return Fraction(0)
    return priced(charge["price"], _quantity(charge, on))


def _part(contract: Contract, period: Period, start: date, end: date) -> Fraction:
    how = contract.billing.get("proration") or "day"
    if how == "none":
        return Fraction(1)
    if how == "second":
        lived = midnight(end, contract.zone) - midnight(start, contract.zone)
        full = midnight(period.full_end, contract.zone) - midnight(period.full_start, contract.zone)
        return Fraction(int(lived.total_seconds()), int(full.total_seconds()))
    return Fraction((end - start).days, (period.full_end - period.full_start).days)


def recurring_lines(contract: Contract, charge_id: str, period: Period, stops: list[Suspension]) -> list[Line]:
    """The charge's lines for one period, each with the bill it belongs on."""
    stretches = contract.stretches(charge_id, period)
    if not stretches:
        return []
    charge = stretches[0][2]
    rates = [(on, _rate(contract, charge_id, on, stops)) for on in days(period.start, period.end)]
    changes = [(on, rate) for n, (on, rate) in enumerate(rates) if n == 0 or rate != rates[n - 1][1]]
    if charge["timing"] == "arrears":
        ends = [on for on, _ in changes[1:]] + [period.end]
        return [_line(contract, charge, period, period.end, start, end, rate)
                for (start, rate), end in zip(changes, ends, strict=True) if rate]  # fmt: skip
    trial_ends = contract.starts_on + timedelta(days=contract.billing.get("trial_days") or 0)
    if period.start < trial_ends < period.end:  # the trial comes off the front of what is billed at the start
        changes = changes[1:]
    lines = []
    if changes and changes[0][1] and changes[0][0] in {period.start, trial_ends}:
        lines.append(_line(contract, charge, period, period.start, changes[0][0], period.end, changes[0][1]))
    for (_, old), (on, new) in zip(changes, changes[1:], strict=False):
        lines += [_line(contract, charge, period, period.end, on, period.end, rate) for rate in (-old, new) if rate]
    return lines


def _line(contract: Contract, charge: Json, period: Period, bill_date: date, start: date, end: date, rate: Fraction) -> Line:
    unrounded = rate * _part(contract, period, start, end)
    line = Line("recurring", charge["charge_id"], bill_date, start, end, unrounded, (), charge.get("product"))
    line.amount = contract.round(unrounded)
    line.shares = [(midnight(start, contract.zone), Fraction(1))]
    return line


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
