"""Price models of the oracle: the exact amount of a quantity under one price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.oracle.figures import total

Price = Mapping[str, Any]


def number(value: Any, default: str = "0") -> Fraction:
    return Fraction(str(default if value is None else value))


def priced(price: Price, quantity: Fraction) -> Fraction:
    """Amount of `quantity`; the models that look at single events are in `percentage_of` and `capacity_of`."""
    match price["model"]:
        case "unit":
            return quantity * number(price["unit_price"]) / number(price.get("per"), "1")
        case "flat":
            return number(price["amount"])
        case "dynamic":
            return quantity * number(price.get("multiplier"), "1")
        case "package":
            return _packages(price, quantity)
        case "graduated" | "graduated_percentage":
            return _graduated(price, quantity)
        case "volume":
            return _volume(price, quantity)
    raise ValueError(f"no such price model: {price['model']}")


def _packages(price: Price, quantity: Fraction) -> Fraction:
    over = max(Fraction(0), quantity - number(price.get("free_units"))) / number(price["package_size"])
    whole = floor(over) if price.get("package_rounding") == "down" else ceil(over)
    return whole * number(price["package_price"])


def _in_tier(tier: Price, units: Fraction) -> Fraction:
    if tier.get("rate_percent") is not None:
        return units * number(tier["rate_percent"]) / 100
    if tier.get("block_size") is not None:
        return ceil(units / number(tier["block_size"])) * number(tier.get("unit_price"))
    return units * number(tier.get("unit_price")) / number(tier.get("per"), "1")


def _graduated(price: Price, quantity: Fraction) -> Fraction:
    amount, below = Fraction(0), Fraction(0)
    for place, tier in enumerate(price["tiers"]):
        if quantity > below or (place == 0 and price.get("flat_at_zero")):
            top = quantity if tier.get("up_to") is None else min(quantity, number(tier["up_to"]))
            amount += _in_tier(tier, max(top - below, Fraction(0))) + number(tier.get("flat_price"))
        if tier.get("up_to") is None:
            break
        below = number(tier["up_to"])
    return amount


def _volume(price: Price, quantity: Fraction) -> Fraction:
    if quantity <= 0 and not price.get("flat_at_zero"):
        return Fraction(0)
    for tier in price["tiers"]:
        if tier.get("up_to") is None or quantity <= number(tier["up_to"]):
            return _in_tier(tier, quantity) + number(tier.get("flat_price"))
    raise ValueError("quantity above the last tier")


def percentage_of(price: Price, values: Sequence[Fraction]) -> Fraction:
    """A percentage of the sum of `values` (in time order) and a fee per event, less the free allowances."""
    free_events, free_amount = price.get("free_events"), price.get("free_amount")
    leading = values if free_events is None else values[: int(number(free_events))]
    running = [total(leading[: n + 1]) for n in range(len(leading))]
    free_units, free_count = Fraction(0), 0
    if running and (free_events is not None or free_amount is not None):
        free_units = running[-1] if free_amount is None else min(running[-1], number(free_amount))
        counts = [] if free_events is None else [int(number(free_events))]
        counts += [] if free_amount is None else [sum(total < number(free_amount) for total in running)]
        free_count = min(counts)
    share = (total(values) - free_units) * number(price["rate_percent"]) / 100
    return share + max(0, len(values) - free_count) * number(price.get("fixed_per_event"))


def limited_percentage_of(price: Price, values: Sequence[Fraction]) -> Fraction:
    """Each value (in time order) at its percentage and fee, held between the limits, as the allowances run down.

    What a correction left below zero gives its percentage back and touches no allowance.
    """
    events_left, amount_left = int(number(price.get("free_events"))), number(price.get("free_amount"))
    rate, low, high = number(price["rate_percent"]) / 100, price.get("min_per_event"), price.get("max_per_event")
    amount = Fraction(0)
    for value in values:
        if value < 0:
            amount += value * rate
            continue
        rest = value
        if amount_left > 0:
            if amount_left > value:
                amount_left -= value
                continue
            rest, amount_left, events_left = value - amount_left, Fraction(0), 0
        elif events_left > 0:
            events_left -= 1
            continue
        fee = rest * rate + number(price.get("fixed_per_event"))
        fee = fee if low is None else max(fee, number(low))
        amount += fee if high is None else min(fee, number(high))
    return amount


def capacity_of(price: Price, peaks: Mapping[str, Fraction]) -> Fraction:
    """The amount of the first tier whose limits hold every peak."""
    for tier in price["tiers"]:
        if all(peaks.get(unit, Fraction(0)) <= number(limit) for unit, limit in (tier.get("limits") or {}).items()):
            return number(tier["amount"])
    raise ValueError("peaks above the last tier")
