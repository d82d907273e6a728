"""Billing calendars, walked day by day or month by month."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.vectors.generated.figures import Random, generator, on_day, rounded, some_day, text
from tests.vectors.generated.proration import ZONES

MONTHS = {"monthly": 1, "quarterly": 3, "semiannual": 6, "half_yearly": 6, "annual": 12}


@generator
def billing_cycles(rng: Random) -> dict[str, Any]:
    start, day, period = some_day(rng), rng.randint(1, 31), rng.choice(sorted(MONTHS))
    end = start + timedelta(rng.randint(1, 1000))
    target = start + timedelta(rng.randrange(1100))
    step = MONTHS[period]
    rounding = {"mode": "half_up", "places": 9, "stage": "each_fraction"}
    month = start.month if on_day(start.year, start.month, day) >= start else start.month + 1
    cycles = Fraction()
    for place in range(-1, 60):
        full_from = on_day(start.year - 2, month + place * step + 24, day)
        full_to = on_day(start.year - 2, month + (place + 1) * step + 24, day)
        lived_from, lived_to = max(full_from, start), min(full_to, end)
        if lived_from < lived_to and lived_from <= target:
            cycles += rounded(Fraction((lived_to - lived_from).days, (full_to - full_from).days), rounding)
    inputs = {
        "start": str(start), "end": str(end), "target": str(target), "billing_day": str(day), "billing_period": period,
    }  # fmt: skip
    return {"inputs": inputs, "rounding": rounding, "expected": {"cycles": text(cycles)}}


@generator
def next_billing_date(rng: Random) -> dict[str, Any]:
    period = rng.choice(["daily", "weekly", *sorted(MONTHS)])
    every = rng.randint(1, 4)
    anchor = datetime.combine(some_day(rng), time(rng.randrange(24), rng.randrange(60), rng.randrange(60)))
    start = datetime.combine(some_day(rng), rng.choice([anchor.time(), time(), time(23, 59)]))
    if rng.random() < 0.4:
        start = anchor
    day = start.date()
    if period == "daily":
        ends = day + timedelta(every)
    elif period == "weekly":
        # walk: the first day after the start that has the anchor's weekday, then the rest of the weeks
        ends = day + timedelta(1)
        while ends.weekday() != anchor.weekday():
            ends += timedelta(1)
        ends += timedelta(weeks=every - 1)
    elif period == "annual":
        ends = on_day(day.year + every, anchor.month, anchor.day)
    elif period != "monthly" and day < anchor.date():
        ends = anchor.date()
    else:
        own = on_day(day.year, day.month, anchor.day)
        ends = on_day(day.year, day.month + every * MONTHS[period], anchor.day)
        ends = own if period == "monthly" and day < own else ends
    expected = datetime.combine(ends, anchor.time())
    inputs = {
        "current_period_start": start.isoformat(), "anchor": anchor.isoformat(), "every": str(every),
        "billing_period": period,
    }  # fmt: skip
    if rng.random() < 0.3:
        cut = start + timedelta(hours=rng.randint(1, 5000))
        inputs["subscription_end"] = cut.isoformat()
        expected = min(expected, cut)
    return {"inputs": inputs, "timezone": rng.choice(ZONES), "expected": {"next": expected.isoformat()}}


@generator
def month_starts(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randint(1, 200))
    day = rng.choice([None, rng.randint(1, 31), 31])
    starts = [on_day(start.year - 1, start.month + n, day or start.day) for n in range(10, 24)]
    dates = [str(at) for at, to in pairwise(starts) if at < end and to > start]
    inputs = {"from": str(start), "to": str(end)} | ({"anchor_day": str(day)} if day else {})
    return {"inputs": inputs, "expected": {"dates": dates}}


@generator
def advance_days(rng: Random) -> dict[str, Any]:
    start, step, count = some_day(rng), rng.randint(1, 31), rng.randint(1, 9)
    dates = [str(start + timedelta(step * n)) for n in range(1, count + 1)]
    return {
        "inputs": {"from": str(start), "step_days": str(step), "count": str(count)}, "expected": {"dates": dates},
    }  # fmt: skip


@generator
def whole_periods(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randrange(900))
    period = rng.choice(["daily", "weekly", *sorted(MONTHS)])
    count = 0
    if period in MONTHS:
        while on_day(start.year, start.month + (count + 1) * MONTHS[period], start.day) <= end:
            count += 1
    else:
        count = (end - start).days // (7 if period == "weekly" else 1)
    inputs = {"from": str(start), "to": str(end), "billing_period": period}
    return {"inputs": inputs, "expected": {"count": str(count)}}


@generator
def first_period(rng: Random) -> dict[str, Any]:
    start, day, period = some_day(rng), rng.randint(1, 31), rng.choice(sorted(MONTHS))
    last = start
    while last != on_day(last.year, last.month, day):
        last -= timedelta(1)
    end = on_day(last.year, last.month + MONTHS[period], day)
    return {
        "inputs": {"start": str(start), "billing_day": str(day), "billing_period": period},
        "expected": {"from": str(start), "to": str(end)},
    }
