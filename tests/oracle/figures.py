"""Exact arithmetic of the oracle: fractions in, rounded decimals out. Shares no code with the platform."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

# ISO 4217 minor units of the currencies that the generated world uses.
PLACES = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}


def rounded(value: Fraction, places: int, mode: str = "half_up") -> Fraction:
    """`value` to `places` decimals; halves go away from zero, or to even; floor and ceil by the number line."""
    scaled = value * 10**places
    below = floor(scaled)
    rest = scaled - below
    if mode == "floor" or rest == 0:
        units = below
    elif mode == "ceil":
        units = ceil(scaled)
    elif rest != Fraction(1, 2):
        units = below + (rest > Fraction(1, 2))
    elif mode == "half_even":
        units = below + below % 2
    else:
        units = below + (scaled > 0)
    return Fraction(units, 10**places)


def kept(value: Fraction) -> Fraction:
    """An unrounded amount or quantity as the platform keeps it: twelve decimals."""
    return rounded(value, 12)


def total(values: Iterable[Fraction]) -> Fraction:
    return sum(values, Fraction(0))


def spread(whole: Fraction, weights: Sequence[Fraction], places: int) -> list[Fraction]:
    """`whole` over `weights` by largest remainder; ties go to the earlier one."""
    weight = total(weights)
    if not weight:
        return [Fraction(0) for _ in weights]
    return settle(whole, [whole * part / weight for part in weights], places)


def settle(whole: Fraction, exact: Sequence[Fraction], places: int) -> list[Fraction]:
    """Each of `exact` down to `places`, then one unit each to the largest remainders until the sum is `whole`."""
    base = [rounded(value, places, "floor") for value in exact]
    missing = int((whole - total(base)) * 10**places)
    order = sorted(range(len(base)), key=lambda i: (base[i] - exact[i], i))
    for i in order[:missing]:
        base[i] += Fraction(1, 10**places)
    return base


def decimal(value: Fraction) -> Decimal:
    """For printing and comparing: the value at twelve decimals."""
    return Decimal(int(kept(value) * 10**12)).scaleb(-12)
