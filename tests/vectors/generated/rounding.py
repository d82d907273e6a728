"""Rounding of values, of sums and to minor units."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.vectors.generated.figures import Random, generator, number, rounded, some_rounding, text


@generator
def sum_rounded(rng: Random) -> dict[str, Any]:
    rounding = some_rounding(rng, rng.choice(["line", "total"]))
    values = [number(rng, 9, 6) for _ in range(rng.randint(1, 4))] * (repeat := rng.randint(1, 20))
    per_line = rounding["stage"] == "line"
    amount = (
        sum((rounded(x, rounding) for x in values), Fraction())
        if per_line
        else rounded(sum(values, Fraction()), rounding)
    )
    stated = [text(value) for value in values[: len(values) // repeat]]
    return {
        "inputs": {"values": stated, "repeat": str(repeat)}, "rounding": rounding, "expected": {"amount": text(amount)},
    }  # fmt: skip


@generator
def round(rng: Random) -> dict[str, Any]:
    value = number(rng, 9999, 6) - 5000
    rounding = {"mode": rng.choice(["half_up", "ceil", "floor"]), "places": rng.randint(-2, 6), "stage": "total"}
    return {
        "inputs": {"value": text(value)}, "rounding": rounding, "expected": {"amount": text(rounded(value, rounding))},
    }  # fmt: skip


@generator
def to_minor(rng: Random) -> dict[str, Any]:
    value, (currency, digits) = number(rng, 999, 5), rng.choice([("USD", 2), ("JPY", 0), ("KWD", 3)])
    amount = rounded(value, {"mode": "half_up", "places": digits}) * 10**digits
    return {"inputs": {"value": text(value)}, "currency": currency, "expected": {"amount": text(amount)}}
