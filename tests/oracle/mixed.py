"""Contracts put together at random from the constructs that the design defines without doubt.

Belongs here: which terms go together. Left out on purpose: pairs on which the design is silent, such as an amount off
a bill that also gives seats back.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle.constructs import flat, off, recurring, tax, tiers, unit, usage
from tests.oracle.world import Json, Landing

CALENDARS: list[Json] = [
    {"anchor_date": "2026-01-01"},
    {"anchor_date": "2026-01-15"},
    {"anchor_date": "2025-10-31"},
    {"frequency": "weekly", "anchor_date": "2026-01-02"},
    {"frequency": "quarterly", "anchor_date": "2025-12-10"},
    {"every": 2, "anchor_date": "2025-11-30"},
]
COUNTED = ["sum", "sum", "sum", "count", "max", "latest", "average", "unique_count", "weighted_sum"]


def mixed(at: Landing, count: int) -> None:
    for _ in range(count):
        _contract(at)


def _price(at: Landing) -> Json:
    fees = ("5", "12", "40")
    shares = [{"up_to": "100", "rate_percent": "2.9"}, {"up_to": None, "rate_percent": "1.45"}]
    rising = [
        {"up_to": "300", "unit_price": at.amount("1"), "block_size": "100"},
        {"up_to": None, "unit_price": at.amount("3"), "block_size": "250"},
    ]
    package = {"package_size": "64", "package_price": at.amount("3.50"), "free_units": at.rng.choice(["0", "30"])}
    return at.rng.choice(
        [
            unit(at.unit("0.0371")),
            unit(at.unit("37.1")) | {"per": "1000"},
            {"model": "graduated", "tiers": tiers(at)},
            {"model": "graduated", "tiers": tiers(at, fees), "flat_at_zero": True},
            {"model": "graduated", "tiers": rising},
            {"model": "volume", "tiers": tiers(at, fees)},
            {"model": "graduated_percentage", "tiers": shares},
            {"model": "package", "package_rounding": at.rng.choice(["up", "down"])} | package,
            {"model": "percentage", "rate_percent": "1.35", "fixed_per_event": at.amount("0.30")},
            {
                "model": "matrix",
                "dimension": "model",
                "prices": {"large": unit(at.unit("0.21")), "small": {"model": "volume", "tiers": tiers(at)}},
                "default": unit(at.unit("0.013")),
            },
        ]
    )


def _usage(at: Landing, meter: str, charge_id: str) -> Json:
    price = _price(at)
    charge = usage(meter, price, charge_id, product=f"p_{charge_id}", prorate=at.rng.random() < 0.5)
    if at.rng.random() < 0.5:
        charge["group_by"] = at.rng.choice([["region"], ["model", "region"]])
    if price["model"] not in {"matrix", "percentage"}:
        charge["aggregation"] = at.rng.choice(COUNTED)
        if charge["aggregation"] == "unique_count":
            charge["property"] = "user"
        if at.rng.random() < 0.3:
            how = at.rng.choice(["none", "up", "down", "half_up"])
            charge["unit_conversion"] = {"divide_by": "3", "rounding": how}
        if at.rng.random() < 0.3:
            charge["included_quantity"] = "55.5"
    if at.rng.random() < 0.2:
        charge["maximum"] = at.amount("31")
    if at.rng.random() < 0.2:
        charge["minimum"] = at.amount("17")
    return charge


def _seats(at: Landing, timing: str) -> Json:
    days = sorted(at.rng.sample(range(1, 90), 2))
    ramp = [{"from": "2026-01-01", "quantity": str(at.rng.randrange(1, 9))}]
    ramp += [
        {"from": str(date(2026, 1, 1) + timedelta(days=day)), "quantity": str(at.rng.randrange(1, 20))} for day in days
    ]
    price = at.rng.choice([unit(at.amount("23.45")), {"model": "graduated", "tiers": tiers(at)}])
    return recurring(at.rng.choice(["3", ramp]), price, timing)


def _contract(at: Landing) -> None:
    meter, chance = f"m_mixed_{len(at.contracts)}", at.rng.random
    terms: Json = {"billing": dict(at.rng.choice(CALENDARS))}
    start = at.rng.choice(["2026-01-01", "2026-01-01", "2026-01-13"])
    terms["starts_on"] = start
    if chance() < 0.3:
        terms["ends_on"] = at.rng.choice(["2026-03-09", "2026-03-31"])
    charges = [_usage(at, meter, f"u{n}") for n in range(at.rng.choice([1, 1, 2]))]
    whole_bill = chance() < 0.4  # terms that spread money over a bill: only charges that never give anything back
    if chance() < 0.6:
        charges.append(_seats(at, "arrears" if whole_bill else at.rng.choice(["advance", "arrears"])))
    if chance() < 0.3:
        timing = "arrears" if whole_bill else "advance"
        charges.append(recurring("1", flat(at.amount("43.21")), timing, "base", product="base"))
    discounts = []
    if chance() < 0.4:
        discounts.append(off("p", "percent", "7.3", applies_to=at.rng.choice([None, ["u0"], ["seats"]])))
    if whole_bill and chance() < 0.5:
        discounts.append(off("a", "amount", at.amount("9.99"), applies_to=at.rng.choice([None, ["p_u0"]])))
    terms["discounts"] = discounts
    if whole_bill and chance() < 0.5:
        grant = {"grant_id": "g", "unit": "currency", "kind": at.rng.choice(["promotional", "sla", "commit"])}
        lasting = {"effective_at": "2025-12-01T00:00:00Z", "expires_at": None, "priority": 1}
        terms["credit_grants"] = [grant | lasting | {"amount": at.amount("44.4")}]
    if chance() < 0.5:
        terms["taxes"] = [tax("vat", "19")]
        ways = ["by_tax", "total"]  # which line of a bill a credit is drawn on must not change its tax
        if "credit_grants" not in terms:
            ways += ["line", "rate"]
            terms["taxes"].append(tax("city", "1.333", applies_to=["p_u0", "seats"]))
        terms["billing"]["tax_rounding"] = at.rng.choice(ways)
    if chance() < 0.3:
        scope = at.rng.choice([None, ["u0"], ["seats", "p_u0"]])
        floor = {"commitment_id": "floor", "kind": "minimum_spend", "window": "billing_period", "applies_to": scope}
        terms["commitments"] = [floor | {"amount": at.amount("150"), "true_up": True, "prorate": chance() < 0.5}]
    elif chance() < 0.3 and not any(charge.get("minimum") or charge.get("maximum") for charge in charges):
        terms["billing"]["rounding"] = {"mode": at.rng.choice(["half_up", "half_even"]), "stage": "total"}
    else:
        terms["billing"]["rounding"] = {"mode": at.rng.choice(["half_up", "half_even", "ceil", "floor"])}
    document = at.contract("mixed", charges, **terms)
    if chance() < 0.4:
        at.amend(document, str(date(2026, 1, 20) + timedelta(days=at.rng.randrange(60))), charges=_dearer(charges))
    at.use(document, meter, at.numbers(60, 1, 40, 1), start, region=["eu", "us"], model=["large", "small", "other"],
           user=["a", "b", "c", None])  # fmt: skip


def _dearer(charges: list[Json]) -> list[Json]:
    """The same charges with their flat or unit prices raised by half."""

    def raised(price: Any) -> Any:
        if isinstance(price, dict):
            money = {"unit_price", "package_price", "amount"}
            return {name: str(Decimal(part) * 3 / 2) if name in money else raised(part) for name, part in price.items()}
        return [raised(part) for part in price] if isinstance(price, list) else price

    return [charge | {"price": raised(charge["price"])} for charge in charges]
