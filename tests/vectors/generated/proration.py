"""Amounts by the part of a period: proration, changes inside a period, caps, true-up, credit notes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.vectors.generated.figures import Random, generator, number, rounded, some_day, some_rounding, text, zulu
from tests.vectors.vector import Json

ZONES = ("UTC", "Asia/Kolkata", "America/Los_Angeles", "Australia/Sydney", "Europe/Berlin", "America/St_Johns")


@generator
def prorate(rng: Random) -> dict[str, Any]:
    amount, rounding, start = number(rng, 90000), some_rounding(rng), some_day(rng)
    full = rng.choice([7, 28, 31, 91, 366])
    first, last = sorted(rng.sample(range(full + 1), 2))
    trial = rng.choice([0, 0, 3, 40])
    inputs: Json = {
        "amount": text(amount),
        "charged": {"from": str(start + timedelta(first)), "to": str(start + timedelta(last))},
        "full_period": {"from": str(start), "to": str(start + timedelta(full))},
    }
    if trial:
        inputs["trial_days"] = str(trial)
    if rng.random() < 0.3:
        trial, inputs = 0, {"amount": text(amount), "days": str(last - first), "period_days": str(full)}
    share = Fraction(max(last - first - trial, 0), full)
    return {"inputs": inputs, "rounding": rounding, "expected": {"amount": text(rounded(amount * share, rounding))}}


@generator
def prorate_seconds(rng: Random) -> dict[str, Any]:
    start = datetime.combine(some_day(rng), time(rng.randrange(24)), UTC)
    full, passed = rng.randint(3600, 40_000_000), rng.randint(-90000, 41_000_000)
    amount, rounding = number(rng, 1000), {"mode": "half_up", "places": 8, "stage": "total"}
    left = min(max(full - passed, 0), full)
    return {
        "inputs": {"amount": text(amount), "at": zulu(start + timedelta(seconds=passed))},
        "period": {"from": zulu(start), "to": zulu(start + timedelta(seconds=full))},
        "rounding": rounding,
        "expected": {"amount": text(rounded(amount * left / full, rounding))},
    }


@generator
def days_between(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randrange(200))
    if rng.random() < 0.4:
        fixed = rng.choice([28, 30, 31])
        days = (end.year * 12 + end.month - start.year * 12 - start.month) * fixed + end.day - start.day
        inputs = {"from": str(start), "to": str(end), "fixed_days_in_month": str(fixed)}
        return {"inputs": inputs, "expected": {"days": str(days)}}
    zone = rng.choice(ZONES)
    one = datetime.combine(start, time(rng.randrange(24), rng.randrange(60)), UTC)
    other = datetime.combine(end, time(rng.randrange(24), rng.randrange(60)), UTC)
    days = (other.astimezone(ZoneInfo(zone)).date() - one.astimezone(ZoneInfo(zone)).date()).days
    return {
        "inputs": {"from": zulu(one), "to": zulu(other)}, "timezone": zone, "expected": {"days": str(days)},
    }  # fmt: skip


@generator
def days_ratio(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randint(28, 93))
    at = start + timedelta(rng.randrange((end - start).days))
    rounding = {"mode": "half_up", "places": 9, "stage": "total"}
    ratio = Fraction((end - at).days, (end - start).days)
    return {
        "inputs": {"from": str(at), "to": str(end)},
        "period": {"from": str(start), "to": str(end)},
        "rounding": rounding,
        "expected": {"coefficient": text(rounded(ratio, rounding))},
    }


@generator
def sum_fractions(rng: Random) -> dict[str, Any]:
    rounding = some_rounding(rng, rng.choice(["line", "total"]))
    parts = [(number(rng, 300) - 50, rng.randint(0, 31), rng.randint(28, 31)) for _ in range(rng.randint(1, 5))]
    exact = [amount * days / full for amount, days, full in parts]
    per_line = rounding["stage"] == "line"
    amount = (
        sum((rounded(x, rounding) for x in exact), Fraction())
        if per_line
        else rounded(sum(exact, Fraction()), rounding)
    )
    items = [{"amount": text(a), "days": str(d), "period_days": str(f)} for a, d, f in parts]
    return {"inputs": {"items": items}, "rounding": rounding, "expected": {"amount": text(amount)}}


def _change(rng: Random) -> tuple[Json, str, Fraction]:
    start = some_day(rng)
    full = rng.choice([28, 30, 31, 92, 365])
    passed = rng.randrange(full)
    period = {"from": str(start), "to": str(start + timedelta(full))}
    return period, str(start + timedelta(passed)), Fraction(full - passed, full)


@generator
def plan_change(rng: Random) -> dict[str, Any]:
    period, at, left = _change(rng)
    rounding = {"mode": "half_up", "places": 2, "stage": "line"}
    inputs: Json = {"change_date": at}
    credit = charge = Fraction()
    if rng.random() < 0.8:
        quantity, price = rng.randint(1, 20), number(rng, 99)
        inputs["old"] = {"quantity": str(quantity), "unit_price": text(price)}
        credit = rounded(quantity * price * left, rounding)
        if rng.random() < 0.4:
            paid, before = number(rng, 500), number(rng, 300)
            inputs |= {"original_amount_paid": text(paid), "previous_credits": text(before)}
            credit = max(min(credit, paid - before), Fraction())
    if rng.random() < 0.8:
        quantity, price = rng.randint(1, 20), number(rng, 99)
        inputs["new"] = {"quantity": str(quantity), "unit_price": text(price)}
        charge = rounded(quantity * price * left, rounding)
    expected = {"credit": text(-credit), "charge": text(charge), "net": text(charge - credit)}
    return {"inputs": inputs, "period": period, "rounding": rounding, "expected": expected}


@generator
def component_change(rng: Random) -> dict[str, Any]:
    period, at, left = _change(rng)
    rounding = {"mode": "half_up", "places": 0, "stage": "line"}
    components, lines = [], []
    for _ in range(rng.randint(1, 4)):
        old, new = (rng.choice([None, rng.randint(0, 90000)]) for _ in range(2))
        components.append({"kind": "rate", "old": None if old is None else str(old), "new": new and str(new)})
        if old is not None:
            lines.append(-rounded(old * left, rounding))
        if components[-1]["new"] is not None:
            lines.append(rounded((new or 0) * left, rounding))
    return {
        "inputs": {"change_date": at, "components": components},
        "period": period,
        "rounding": rounding,
        "expected": {"lines": [text(line) for line in lines], "net": text(sum(lines, Fraction()))},
    }


@generator
def credit_cap(rng: Random) -> dict[str, Any]:
    credit, paid, before = (number(rng, 300) for _ in range(3))
    amount = max(Fraction(), min(credit, paid - before))
    inputs = {"credit": text(credit), "original_amount_paid": text(paid), "previous_credits": text(before)}
    return {"inputs": inputs, "expected": {"amount": text(amount)}}


@generator
def true_up(rng: Random) -> dict[str, Any]:
    rounding = some_rounding(rng)
    minimum = number(rng, 2000)
    fees = [number(rng, 900, 3) for _ in range(rng.randint(0, 4))]
    inputs: Json = {"minimum": text(minimum), "fees": [text(fee) for fee in fees]}
    if rng.random() < 0.5:
        days, full = rng.randint(1, 31), 31
        inputs["proration"] = {"days": str(days), "period_days": str(full)}
        minimum = minimum * days / full
    if rng.random() < 0.5:
        inputs["round_fees_first"] = True
        fees = [rounded(fee, rounding) for fee in fees]
    amount = max(rounded(minimum, rounding) - sum(fees, Fraction()), Fraction())
    return {"inputs": inputs, "rounding": rounding, "expected": {"amount": text(rounded(amount, rounding))}}


@generator
def credit_note(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 0, "stage": "total"}
    amount, days, full, rate = rng.randint(0, 90000), rng.randint(0, 31), 31, number(rng, 30, 1)
    item = rounded(Fraction(amount * days, full), rounding)
    due = rounded(item * rate / 100, rounding)
    return {
        "inputs": {
            "item": {"amount": str(amount), "days": str(days), "period_days": str(full)},
            "tax_rate_percent": text(rate),
        },
        "rounding": rounding,
        "expected": {"item": text(item), "tax": text(due), "total": text(item + due)},
    }  # fmt: skip
