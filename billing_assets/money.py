"""Exact money in Python: currency digits, rounding, allocation. The SQL twin is dbt_project/macros/money.

Amounts are `Decimal`; a float is refused. Places may be negative (tens) up to 12 (an unrounded amount).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
)
from functools import cache
from pathlib import Path

_CURRENCIES = Path(__file__).resolve().parent.parent / "dbt_project" / "seeds" / "reference" / "currencies.csv"
# Wide enough that no product of two 38-digit figures is rounded before we say so.
EXACT = Context(prec=100)
MODES = {
    "half_up": ROUND_HALF_UP,  # away from zero, as invoices are read by people
    "half_even": ROUND_HALF_EVEN,
    "ceil": ROUND_CEILING,
    "floor": ROUND_FLOOR,
}


@cache
def _exponents() -> dict[str, int]:
    with _CURRENCIES.open(encoding="utf-8", newline="") as file:
        return {row["currency"]: int(row["minor_digits"]) for row in csv.DictReader(file)}


def exponent(currency: str) -> int:
    """Digits of the currency's minor unit (ISO 4217): 2 for USD, 0 for JPY, 3 for KWD. Unknown = KeyError."""
    return _exponents()[currency]


def round_amount(amount: Decimal, places: int, mode: str = "half_up") -> Decimal:
    """`amount` rounded to `places` digits after the point by one of MODES."""
    if not isinstance(amount, Decimal):
        raise TypeError(f"money is Decimal, not {type(amount).__name__}")
    return amount.quantize(Decimal(1).scaleb(-places), rounding=MODES[mode], context=EXACT)


def allocate(total: Decimal, weights: Sequence[Decimal], places: int) -> list[Decimal]:
    """`total` spread over `weights` by share, each part a multiple of 10^-places, the parts adding up to it.

    Parts are cut toward zero; what is left goes, one unit each, to the largest remainders, ties by order.
    Weights must not be negative; all zero = the whole total to the first part.
    """
    if not weights:
        raise ValueError("nothing to allocate to")
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    unit = Decimal(1).scaleb(-places)
    units = EXACT.divide(total, unit)
    if units != units.to_integral_value():
        raise ValueError(f"{total} is no multiple of {unit}")
    whole = sum(weights, Decimal(0))
    if whole == 0:
        return [total, *[Decimal(0).quantize(unit)] * (len(weights) - 1)]
    sign = -1 if units < 0 else 1
    left = int(abs(units))
    quotients = [divmod(EXACT.multiply(abs(units), weight), whole) for weight in weights]
    shares = [int(quotient) for quotient, _ in quotients]
    order = sorted(range(len(weights)), key=lambda i: (-quotients[i][1], i))
    for i in order[: left - sum(shares)]:
        shares[i] += 1
    return [EXACT.multiply(Decimal(sign * share), unit) for share in shares]
