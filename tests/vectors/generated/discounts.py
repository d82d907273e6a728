"""Discounts in sequence and spread over lines, free quantities, taxes by rounding stage."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.vectors.generated.figures import Random, generator, number, rounded, spread, text
from tests.vectors.vector import Json


def some_coupons(rng: Random) -> list[Json]:
    kinds = rng.choices(["fixed", "percent"], k=rng.randint(0, 4))
    return [
        {"type": "fixed", "amount": text(number(rng, 60)), "currency": rng.choice(["USD", "USD", "EUR"])}
        if kind == "fixed"
        else {"type": "percent", "rate_percent": text(number(rng, 60))}
        for kind in kinds
    ]


def in_sequence(base: Fraction, given: list[Json], order: str, rounding: Json) -> Fraction:
    first = {"percent_first": "percent", "fixed_first": "fixed"}.get(order)
    left = base
    for coupon in sorted(given, key=lambda coupon: coupon["type"] != first) if first else given:
        if coupon["type"] == "percent":
            left -= rounded(left * Fraction(coupon["rate_percent"]) / 100, rounding)
        elif coupon["currency"] == "USD":
            left -= min(rounded(Fraction(coupon["amount"]), rounding), left)
    return base - left


@generator
def coupons(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 2, "stage": "total"}
    base, given = number(rng, 300), some_coupons(rng)
    order = rng.choice(["listed", "percent_first", "fixed_first"])
    discount = in_sequence(base, given, order, rounding)
    return {
        "inputs": {"base": text(base), "coupons": given, "order": order},
        "rounding": rounding,
        "expected": {"discount": text(discount), "remaining": text(base - discount)},
    }


@generator
def discount_distribute(rng: Random) -> dict[str, Any]:
    lines = [Fraction(rng.randint(0, 5000)) for _ in range(rng.randint(1, 5))]
    lines[0] += 1
    discount = Fraction(rng.randint(0, 6000))
    taken = min(discount, sum(lines, Fraction()))
    method = rng.choice(["largest_remainder", "proportional_exact"])
    rounding = {"mode": "half_up", "places": 4, "stage": "line"} if method == "proportional_exact" else None
    whole = sum(lines, Fraction())
    shares = [rounded(taken * line / whole, rounding) for line in lines] if rounding else spread(taken, lines, 0)
    return {
        "inputs": {"lines": [text(line) for line in lines], "discount": text(discount), "method": method},
        "amount_unit": "minor",
        "rounding": rounding,
        "expected": {"lines": [text(line - share) for line, share in zip(lines, shares, strict=True)]},
    }


@generator
def usage_discount(rng: Random) -> dict[str, Any]:
    free, prior, quantity = (number(rng, 30) for _ in range(3))
    billable = quantity - min(quantity, max(free - prior, Fraction()))
    inputs = {"free_quantity": text(free), "prior_quantity": text(prior), "quantity": text(quantity)}
    return {"inputs": inputs, "expected": {"billable": text(billable)}}


def tax_by_stage(
    lines: list[tuple[Fraction, list[str], bool]], rounding: Json
) -> tuple[list[Fraction], dict[str, Fraction]]:
    """Tax of each line and of each rate; what is rounded together keeps its sum, the rest by largest remainder."""
    exact: dict[tuple[int, str], Fraction] = {}
    for place, (amount, rates, inclusive) in enumerate(lines):
        gross = 100 + (sum(Fraction(rate) for rate in rates) if inclusive else 0)
        for rate in rates:
            exact[place, rate] = amount * Fraction(rate) / gross
    pots: dict[object, list[tuple[int, str]]] = {}
    for place, rate in exact:
        pot = {"rate": (place, rate), "line": place, "by_tax": rate, "total": None}[rounding["stage"]]
        pots.setdefault(pot, []).append((place, rate))
    unit = Fraction(1, 10 ** rounding["places"])
    by_line, by_rate = [Fraction()] * len(lines), dict.fromkeys((rate for _, rate in exact), Fraction())
    for members in pots.values():
        members.sort()
        parts = {key: exact[key] // unit * unit for key in members}
        left = int((rounded(sum((exact[key] for key in members), Fraction()), rounding) - sum(parts.values())) / unit)
        for key in sorted(members, key=lambda key: (parts[key] - exact[key], key))[:left]:
            parts[key] += unit
        for (place, rate), part in parts.items():
            by_line[place] += part
            by_rate[rate] += part
    return by_line, by_rate


@generator
def tax(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 2, "stage": rng.choice(["rate", "line", "by_tax", "total"])}
    lines = []
    for _ in range(rng.randint(1, 4)):
        rates = sorted({text(number(rng, 25, 1) + 1) for _ in range(rng.randint(0, 3))})
        lines.append((rng.choice([Fraction(), number(rng, 900), number(rng, 900)]), rates, rng.random() < 0.25))
    repeat = rng.choice([1, 1, 3])
    by_line, by_rate = tax_by_stage(lines * repeat, rounding)
    total = sum((amount for amount, _, _ in lines * repeat), Fraction())
    added = sum((due for due, (_, _, inside) in zip(by_line, lines * repeat, strict=True) if not inside), Fraction())
    stated = [{"amount": text(amount), "rates_percent": rates, "inclusive": inside} for amount, rates, inside in lines]
    expected = {
        "tax": text(sum(by_line, Fraction())),
        "by_line": [text(due) for due in by_line],
        "by_tax": {rate: text(due) for rate, due in by_rate.items()},
        "total": text(total + added),
    }
    return {"inputs": {"lines": stated, "repeat": str(repeat)}, "rounding": rounding, "expected": expected}
