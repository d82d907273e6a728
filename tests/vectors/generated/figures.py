"""What the generators share: exact rounding, random figures and days, and the registry."""

from __future__ import annotations

import random
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.vectors.vector import Json

Random = random.Random
GENERATORS: dict[str, Callable[[Random], dict[str, Any]]] = {}


def generator(make: Callable[[Random], dict[str, Any]]) -> Callable[[Random], dict[str, Any]]:
    GENERATORS[make.__name__] = make
    return make


def rounded(value: Fraction, rounding: Json | None) -> Fraction:
    """To the places and mode of a vector; half up is away from zero."""
    places, mode = (int(rounding["places"]), rounding["mode"]) if rounding else (12, "half_up")
    scaled = value * Fraction(10) ** places
    whole = scaled.numerator // scaled.denominator
    if mode == "ceil":
        whole = -((-scaled.numerator) // scaled.denominator)
    elif mode == "half_up":
        magnitude = abs(scaled)
        whole = (2 * magnitude.numerator + magnitude.denominator) // (2 * magnitude.denominator)
        whole = -whole if scaled < 0 else whole
    return Fraction(whole) / Fraction(10) ** places


def text(value: Fraction | int) -> str:
    """As a decimal, exact: every figure here ends."""
    fraction = Fraction(value)
    number = (Decimal(fraction.numerator) * 10**15 / Decimal(fraction.denominator)).to_integral_value() / 10**15
    assert Fraction(number) == fraction, value
    return format(number, "f")


def number(rng: Random, most: int, places: int = 2) -> Fraction:
    return Fraction(rng.randint(0, most * 10**places), 10**places)


def some_rounding(rng: Random, stage: str = "total") -> Json:
    return {"mode": rng.choice(["half_up", "half_up", "ceil", "floor"]), "places": rng.randint(0, 4), "stage": stage}


def some_day(rng: Random) -> date:
    return date(2019, 1, 1) + timedelta(days=rng.randrange(3000))


def on_day(year: int, month: int, day: int) -> date:
    """That day of a month counted from year 0, or the month's last."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(day, monthrange(year, month)[1]))


def zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def spread(total: Fraction, weights: list[Fraction], places: int) -> list[Fraction]:
    """Largest remainder, ties to the first."""
    unit = Fraction(1, 10**places)
    whole = sum(weights, Fraction())
    exact = [total * weight / whole if whole else Fraction() for weight in weights]
    parts = [share // unit * unit for share in exact]
    ranked = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in ranked[: int((total - sum(parts, Fraction())) / unit)]:
        parts[place] += unit
    return parts
