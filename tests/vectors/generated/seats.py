"""Quantities prorated by time: seats by active days, tiers filled by full quantities."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

from tests.vectors.generated.figures import Random, generator, number, rounded, some_day, text


@generator
def prorated_graduated(rng: Random) -> dict[str, Any]:
    bounds = sorted(rng.sample(range(1, 30), rng.randint(0, 3)))
    tiers = [(bound, number(rng, 20), number(rng, 90)) for bound in [*bounds, None]]
    # In whole units, so that each unit of a move can be walked through the tiers one by one.
    running, highest, amount = 0, 0, Fraction()
    usage = []
    for _ in range(rng.randint(0, 5)):
        step = rng.choice([n for n in range(-15, 30) if n])
        prorated = Fraction(step * rng.randint(1, 8), 8)
        usage.append(
            {"timestamp": None, "quantity": str(step), "properties": {"prorated_quantity": text(prorated)}}
        )  # fmt: skip
        for _ in range(abs(step)):
            unit = running + 1 if step > 0 else running
            price = next(price for bound, price, _ in tiers if bound is None or unit <= bound)
            amount += prorated / abs(step) * price
            running += 1 if step > 0 else -1
        highest = max(highest, running)
    below = 0
    for place, (bound, _, flat) in enumerate(tiers):
        amount += flat if place == 0 or highest > below else 0
        below = bound or below
    rounding = {"mode": "half_up", "places": 2, "stage": "total"}
    stated = {
        "model": "graduated",
        "prorated": True,
        "flat_at_zero": True,
        "tiers": [
            {"up_to": None if bound is None else str(bound), "unit_price": text(price), "flat_price": text(flat)}
            for bound, price, flat in tiers
        ],
    }
    expected = {"amount": text(rounded(max(amount, Fraction()), rounding))}
    return {"inputs": {}, "price": stated, "usage": usage, "rounding": rounding, "expected": expected}


@generator
def prorated_seats(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    full = rng.choice([28, 31, 365])
    billed = rng.randint(1, full)
    window = (start, start + timedelta(billed))
    days, usage = 0, []
    for _ in range(rng.randint(0, 6)):
        begins = rng.choice([None, start + timedelta(rng.randint(-5, full))])
        until = rng.choice([None, (begins or start) + timedelta(rng.randrange(40))])
        active = {
            window[0] + timedelta(n)
            for n in range(billed)
            if (begins is None or window[0] + timedelta(n) >= begins)
            and (until is None or window[0] + timedelta(n) <= until)
        }
        days += len(active)
        usage.append(
            {
                "timestamp": begins and str(begins),
                "quantity": "1",
                "properties": {"active_until": until and str(until)},
            }
        )
    rounding = {"mode": "ceil", "places": 5, "stage": "total"}
    return {
        "inputs": {"billed_window": {"from": str(window[0]), "to": str(window[1])}},
        "period": {"from": str(start), "to": str(start + timedelta(full))},
        "usage": usage,
        "rounding": rounding,
        "expected": {"units": text(rounded(Fraction(days, full), rounding))},
    }
