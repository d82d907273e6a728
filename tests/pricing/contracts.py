"""Hypothesis strategies: one generated contract with its usage, over every price model and term that is rated.

Belongs here: which terms a contract may have together. Not here: its twins (`twins`), how it lands (`delivery`). Every
contract drawn is one that the platform rates: terms it holds back are left out, and a test says that none was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

Json = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

FIRST, AS_OF = date(2026, 1, 1), date(2026, 4, 3)
# Minor-unit digits, and what one dollar's worth of price becomes.
DIGITS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
WORTH = {"USD": Decimal(1), "EUR": Decimal(1), "JPY": Decimal(100), "KWD": Decimal("0.3")}
# Kathmandu's midnight lies on a quarter of an hour of UTC.
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"]
MODELS = [
    "unit", "per", "graduated", "graduated_flat", "graduated_block", "volume", "graduated_percentage", "package",
    "percentage", "percentage_fee", "percentage_each", "capacity", "matrix", "matrix_cells", "dynamic", "precomputed",
    "seats",
]  # fmt: skip
AGGREGATIONS = ["sum", "count", "max", "min", "latest", "average", "unique_count", "weighted_sum"]
CALENDARS: dict[str, Json] = {
    "monthly": {"frequency": "monthly", "anchor_date": "2026-01-01"},
    "monthly 15": {"frequency": "monthly", "anchor_date": "2026-01-15"},
    "monthly 31": {"frequency": "monthly", "anchor_date": "2025-10-31"},
    "weekly": {"frequency": "weekly", "anchor_date": "2026-01-02"},
    "fortnightly": {"frequency": "weekly", "every": 2, "anchor_date": "2025-12-29"},
    "daily": {"frequency": "daily", "anchor_date": "2026-03-16"},
    "two-monthly": {"frequency": "monthly", "every": 2, "anchor_date": "2025-11-30"},
    "quarterly": {"frequency": "quarterly", "anchor_date": "2025-12-10"},
    "semiannual": {"frequency": "semiannual", "anchor_date": "2025-09-20"},
    "annual": {"frequency": "annual", "anchor_date": "2025-02-28"},
}
MODES = ["half_up", "half_even", "ceil", "floor"]
TAX_ROUNDINGS = ["line", "rate", "by_tax", "total"]


@dataclass(frozen=True)
class Use:
    """One event: `moment` in the contract's zone; `number` makes its id."""

    number: str
    charge_id: str
    meter: str
    moment: datetime
    quantity: str
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """One contract: its versions in order, and its usage."""

    contract_id: str
    model: str
    versions: tuple[Json, ...]
    usage: tuple[Use, ...]

    @property
    def document(self) -> Json:
        return self.versions[0]

    def charges(self, kind: str) -> dict[str, Json]:
        """The first version's charges of a type, by id; later versions change prices and seats only."""
        return {charge["charge_id"]: charge for charge in self.document["charges"] if charge["type"] == kind}


class _Money:
    """Prices and amounts of one currency."""

    def __init__(self, draw: Draw, currency: str) -> None:
        self._draw, self._worth, self._digits = draw, WORTH[currency], DIGITS[currency]

    def unit(self, low: int, high: int) -> str:
        """A unit price between so many hundredths of a cent."""
        return _plain(Decimal(self._draw(st.integers(low, high))).scaleb(-4) * self._worth)

    def amount(self, low: int, high: int) -> str:
        """An amount between so many cents, in whole minor units."""
        cents = Decimal(self._draw(st.integers(low, high))).scaleb(-2) * self._worth
        return _plain(cents.quantize(Decimal(1).scaleb(-self._digits)))


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _chance(draw: Draw, percent: int) -> bool:
    return bool(draw(st.integers(1, 100)) <= percent)


def _tiers(draw: Draw, terms: Callable[[], Json]) -> list[Json]:
    steps = draw(st.lists(st.integers(1, 400), min_size=1, max_size=3))
    bounds = [_plain(Decimal(sum(steps[: n + 1])) / 2) for n in range(len(steps))]
    return [{"up_to": bound} | terms() for bound in [*bounds, None]]


def price(draw: Draw, money: _Money, model: str) -> Json:  # noqa: PLR0911, PLR0912  (a table of models)
    """The price object of one of MODELS (of usage); an amount may be zero."""

    def unit() -> Json:
        return {"unit_price": money.unit(0, 9999)}

    def flat() -> Json:
        return unit() | {"flat_price": money.amount(0, 3000)}

    match model:
        case "unit":
            return {"model": "unit"} | unit()
        case "per":
            return {"model": "unit", "unit_price": money.unit(1, 999999), "per": draw(st.sampled_from(["7", "1000"]))}
        case "graduated" | "volume":
            return {"model": model, "tiers": _tiers(draw, draw(st.sampled_from([unit, flat])))}
        case "graduated_flat":
            return {"model": "graduated", "tiers": _tiers(draw, flat), "flat_at_zero": True}
        case "graduated_block":
            return {"model": "graduated", "tiers": _tiers(draw, lambda: {
                "unit_price": money.amount(0, 500), "block_size": str(draw(st.integers(1, 60)))})}  # fmt: skip
        case "graduated_percentage":
            return {"model": model, "tiers": _tiers(draw, lambda: {
                "rate_percent": _plain(Decimal(draw(st.integers(0, 999))).scaleb(-2)),
                "flat_price": money.amount(0, 500)})}  # fmt: skip
        case "package":
            return {"model": model, "package_size": str(draw(st.integers(1, 90))),
                    "package_price": money.amount(0, 2000), "free_units": draw(st.sampled_from(["0", "12.5"])),
                    "package_rounding": draw(st.sampled_from(["up", "down"]))}  # fmt: skip
        case "percentage":
            return {"model": model, "rate_percent": _plain(Decimal(draw(st.integers(1, 999))).scaleb(-2)),
                    "free_amount": draw(st.sampled_from(["0", "55.5"]))}  # fmt: skip
        case "percentage_fee":
            return {"model": "percentage", "rate_percent": "1.35", "fixed_per_event": money.amount(0, 50)}
        case "percentage_each":
            limit = draw(st.integers(0, 60))
            each: Json = {"model": "percentage", "rate_percent": "1.35", "fixed_per_event": money.amount(0, 50)}
            limits: Json = {"min_per_event": money.amount(limit, limit), "max_per_event": money.amount(limit, 90)}
            free: Json = {
                "free_events": str(draw(st.integers(1, 9))),
                "free_amount": draw(st.sampled_from(["0", "150"])),
            }
            terms: Json = draw(st.sampled_from([limits, free, limits | free]))
            return each | terms
        case "capacity":
            peak = draw(st.integers(1, 60))
            return {"model": model, "tiers": [
                {"limits": {"cpu": str(peak), "disk": str(2 * peak)}, "amount": money.amount(0, 1000)},
                {"limits": {"cpu": str(3 * peak)}, "amount": money.amount(1000, 2000)},
                {"limits": {}, "amount": money.amount(2000, 3000)}]}  # fmt: skip
        case "matrix":
            return {"model": model, "dimension": "model", "default": {"model": "unit"} | unit(), "prices": {
                "large": price(draw, money, draw(st.sampled_from(["graduated", "package", "unit"]))),
                "small": price(draw, money, draw(st.sampled_from(["volume", "per"])))}}  # fmt: skip
        case "matrix_cells":
            return {"model": "matrix", "default": {"model": "unit"} | unit(), "cells": [
                {"when": {"model": "large", "region": "eu"}, "price": price(draw, money, "graduated")},
                {"when": {"model": "small", "region": "us"}, "price": price(draw, money, "unit")}]}  # fmt: skip
        case "dynamic":
            return {"model": model, "multiplier": _plain(Decimal(draw(st.integers(0, 3000))).scaleb(-3))}
    return {"model": model}


def _usage_charge(draw: Draw, money: _Money, model: str, charge_id: str) -> Json:
    of_price = price(draw, money, model)
    counted = "sum"
    if model in ("unit", "per", "graduated", "graduated_flat", "graduated_block", "volume", "package"):
        counted = draw(st.sampled_from(AGGREGATIONS))
    # What is read of a meter's events, and whether they may fall, is decided for the meter: one meter for one reading.
    charge: Json = {
        "charge_id": charge_id, "product": f"p_{charge_id}", "type": "usage", "timing": "arrears",
        "meter": f"{'precomputed' if model == 'precomputed' else counted}.{charge_id}", "aggregation": counted,
        "price": of_price,
    }  # fmt: skip
    if counted == "unique_count":
        charge["property"] = "user"
    if _chance(draw, 50):
        charge["group_by"] = draw(st.sampled_from([["region"], ["model", "region"]]))
    if _chance(draw, 15):
        charge["filter"] = {"model": ["large", "small"]}
    if not model.startswith(("matrix", "percentage")) and model not in ("capacity", "precomputed"):
        if _chance(draw, 30):
            how = draw(st.sampled_from(["none", "up", "down", "half_up"]))
            charge["unit_conversion"] = {"divide_by": draw(st.sampled_from(["3", "10"])), "rounding": how}
        if _chance(draw, 30):
            charge["included_quantity"] = _plain(Decimal(draw(st.integers(1, 400))) / 2)
        if _chance(draw, 10):
            value = str(draw(st.integers(1, 90)))
            charge["discounts"] = [{"discount_id": f"free_{charge_id}", "kind": "free_quantity", "value": value}]
    if _chance(draw, 20):
        charge["maximum"] = money.amount(500, 6000)
    if _chance(draw, 20):
        charge["minimum"] = money.amount(1, 500 if "maximum" in charge else 4000)
    charge["prorate"] = _chance(draw, 50)
    return charge


def _seats(draw: Draw, money: _Money, charge_id: str, is_behind: bool) -> Json:
    model = draw(st.sampled_from(["unit", "unit", "flat", "graduated", "volume", "package"]))
    of_price: Json = {"model": "flat", "amount": money.amount(100, 9000)} if model == "flat" else price(
        draw, money, model)  # fmt: skip
    quantity: Any = str(draw(st.integers(0, 9)))
    if model != "flat" and _chance(draw, 50):
        days = sorted(draw(st.sets(st.integers(1, 90), min_size=1, max_size=3)))
        quantity = [{"from": "2026-01-01", "quantity": quantity}] + [
            {"from": str(FIRST + timedelta(days=day)), "quantity": str(draw(st.integers(0, 20)))} for day in days
        ]
    timing = "arrears" if is_behind else draw(st.sampled_from(["advance", "arrears"]))
    charge: Json = {"charge_id": charge_id, "product": "seats", "type": "recurring", "timing": timing,
                    "quantity": quantity, "price": of_price}  # fmt: skip
    if _chance(draw, 20):
        charge["maximum"] = money.amount(50, 9000)
    return charge


def _discounts(draw: Draw, money: _Money) -> list[Json]:
    found: list[Json] = []
    if _chance(draw, 35):
        found.append({"discount_id": "share", "kind": "percent",
                      "value": _plain(Decimal(draw(st.integers(1, 10000))).scaleb(-2)),
                      "applies_to": draw(st.sampled_from([None, ["u0"], ["seats"]]))})  # fmt: skip
    if _chance(draw, 35):
        found.append({"discount_id": "off", "kind": "amount", "value": money.amount(1, 9000),
                      "applies_to": draw(st.sampled_from([None, None, ["p_u0"]]))})  # fmt: skip
    for discount in found:
        if _chance(draw, 30):
            discount["duration"] = draw(st.sampled_from([{"kind": "once"}, {"kind": "periods", "periods": 2}]))
    if len(found) == 2 and _chance(draw, 40):
        found[0]["order"], found[1]["order"] = 2, 1
    return found


def _commitments(draw: Draw, money: _Money) -> list[Json]:
    kind = draw(st.sampled_from(["minimum_spend", "windowed", "prepaid"]))
    shape: Json = {"commitment_id": kind, "kind": kind, "window": "billing_period", "applies_to": ["u0"],
                   "amount": money.amount(500, 30000)}  # fmt: skip
    match kind:
        case "minimum_spend":
            return [shape | {"true_up": True, "prorate": _chance(draw, 50),
                             "applies_to": draw(st.sampled_from([None, ["u0"]]))}]  # fmt: skip
        case "windowed":
            return [shape | {"overage_factor": "1.5", "true_up": _chance(draw, 50)}]
    prepaid = shape | {"applies_to": None, "priority": 1, "expires_at": None}
    if _chance(draw, 50):
        return [prepaid | {"window": "contract"}]
    return [prepaid | {"rollover": {"min": "0", "max": money.amount(0, 9000)}}]


def _grants(draw: Draw, money: _Money) -> list[Json]:
    """Credit of money, which may begin, end and begin anew inside the service period of any price."""
    return [
        {"grant_id": f"g{n}", "amount": money.amount(1, 20000), "unit": "currency",
         "kind": draw(st.sampled_from(["promotional", "sla", "commit"])), "priority": draw(st.integers(1, 2)),
         "effective_at": draw(st.sampled_from(["2025-12-01T00:00:00Z", "2026-01-20T14:30:00Z"])),
         "applies_to": draw(st.sampled_from([None, ["u0"], ["seats"]])),
         "expires_at": draw(st.sampled_from([None, "2026-02-09T05:00:00Z", "2028-01-01T00:00:00Z"]))}
        | _recurrence(draw, money.amount(0, 5000), 60)
        for n in range(draw(st.integers(1, 3)))
    ]  # fmt: skip


def _recurrence(draw: Draw, kept: str, percent: int) -> Json:
    """Nothing, or that the balance begins anew every so many days, from midnight of the contract's zone."""
    if not _chance(draw, percent):
        return {}
    every = draw(st.sampled_from([7, 30]))
    return {
        "recurrence": {
            "every_days": every,
            "anchor": None,
            "reset": not _chance(draw, 20),
            "rollover_min": "0",
            "rollover_max": kept,
        }
    }


def _unit_grants(draw: Draw, charge: Json) -> list[Json]:
    """Credit in units of the charge's meter, where it prices the quantity alone."""
    model = charge["price"]["model"]
    if charge["aggregation"] not in ("sum", "count") or model in ("percentage", "precomputed", "capacity"):
        return []
    return [
        {"grant_id": f"units{n}", "amount": str(draw(st.integers(1, 900))), "unit": charge["meter"],
         "kind": "promotional", "priority": 1, "effective_at": "2025-12-01T00:00:00Z",
         "expires_at": draw(st.sampled_from([None, "2026-02-09T05:00:00Z"])),
         "preserve_overage": _chance(draw, 30)} | _recurrence(draw, "40.5", 30)
        for n in range(draw(st.integers(1, 2)))
    ]  # fmt: skip


def _taxes(draw: Draw) -> list[Json]:
    rate = _plain(Decimal(draw(st.integers(0, 2500))).scaleb(-2))
    tax: Json = {"tax_code": "vat", "rate_percent": rate, "inclusive": False,
                 "applies_to": draw(st.sampled_from([None, None, ["u0"]]))}  # fmt: skip
    match draw(st.sampled_from(["one", "two", "inclusive"])):
        case "one":
            return [tax]
        case "two":
            return [tax, {"tax_code": "city", "rate_percent": "1.333", "applies_to": ["seats"], "inclusive": False}]
    return [tax | {"inclusive": True}]


@st.composite
def contracts(draw: Draw, model: str, contract_id: str) -> Case:
    """A contract whose first charge has the price model, with 12 to 30 events per meter over three months."""
    currency = draw(st.sampled_from(list(DIGITS)))
    zone = draw(st.sampled_from(ZONES))
    calendar = draw(st.sampled_from(list(CALENDARS)))
    money = _Money(draw, currency)
    # Money that is spread over a bill goes with charges that never give anything back.
    is_spread = _chance(draw, 50)
    charges = [] if model == "seats" else [_usage_charge(draw, money, model, "u0")]
    if charges and _chance(draw, 25):
        charges.append(_usage_charge(draw, money, draw(st.sampled_from(MODELS[:-1])), "u1"))
    if model == "seats" or _chance(draw, 35):
        charges.append(_seats(draw, money, "r0", is_spread))
    if _chance(draw, 10):
        charges.append({"charge_id": "setup", "product": "onboarding", "type": "one_time", "timing": "arrears",
                        "price": {"model": "flat", "amount": money.amount(1, 9000)}})  # fmt: skip
    is_usage_only = all(charge["type"] == "usage" for charge in charges)
    grants = _grants(draw, money) if (is_spread or is_usage_only) and _chance(draw, 55) else []
    if model != "seats" and _chance(draw, 25):
        grants += _unit_grants(draw, charges[0])
    places = draw(st.sampled_from([None, None, 0, DIGITS[currency]]))
    starts_on = "2026-03-16" if calendar == "daily" else draw(st.sampled_from(["2026-01-01", "2026-01-13"]))
    taxes = _taxes(draw) if _chance(draw, 45) else []
    has_commitment = is_spread and not any(tax["inclusive"] for tax in taxes) and _chance(draw, 50)
    document: Json = {
        "contract_id": contract_id, "version": 1, "effective_from": starts_on, "signed_at": "2025-12-18T16:00:00Z",
        "account": {"account_id": f"A-{contract_id}", "name": f"Account of {contract_id}", "country": "US",
                    "currency": currency, "organizations": []},
        "channel": "direct", "selling_entity": "US01", "currency": currency, "timezone": zone,
        "starts_on": starts_on, "ends_on": draw(st.sampled_from([None, None, "2026-03-25"])),
        "billing": CALENDARS[calendar] | {
            "payment_terms_days": 30, "proration": draw(st.sampled_from(["day", "second", "none"])),
            "trial_days": draw(st.sampled_from([0, 0, 0, 9])), "tax_rounding": draw(st.sampled_from(TAX_ROUNDINGS)),
            "rounding": {"mode": draw(st.sampled_from(MODES)), "places": places,
                         "stage": draw(st.sampled_from(["line", "line", "total"]))}},
        "charges": charges,
        "commitments": _commitments(draw, money) if has_commitment else [],
        "credit_grants": grants,
        "discounts": _discounts(draw, money), "taxes": taxes,
    }  # fmt: skip
    versions = [document]
    if calendar != "daily" and _chance(draw, 30):
        on = FIRST + timedelta(days=draw(st.integers(19, 80)))
        versions.append(document | {"version": 2, "effective_from": str(on), "charges": [
            charge | {"price": dearer(charge["price"], Decimal("1.5"))} for charge in charges]})  # fmt: skip
    usage = [use for charge in charges if charge["type"] == "usage" for use in _uses(draw, document, charge)]
    return Case(contract_id, model, tuple(versions), tuple(usage))


_MONEY = {
    "unit_price", "package_price", "amount", "flat_price", "fixed_per_event", "rate_percent", "multiplier",
    "min_per_event", "max_per_event",
}  # fmt: skip


def dearer(price: Any, factor: Decimal) -> Any:
    """The price with all its money, rates and multipliers times `factor`."""
    if isinstance(price, dict):
        return {
            name: _plain(Decimal(part) * factor) if name in _MONEY else dearer(part, factor)
            for name, part in price.items()
        }
    return [dearer(part, factor) for part in price] if isinstance(price, list) else price


def _uses(draw: Draw, document: Json, charge: Json) -> list[Use]:
    starts_on = date.fromisoformat(document["starts_on"])
    ends_on = date.fromisoformat(document["ends_on"] or "2026-04-02")
    zone = ZoneInfo(document["timezone"])
    event = st.tuples(
        st.integers(0, (ends_on - starts_on).days - 1), st.integers(0, 86_399), st.integers(1, 9000),
        st.sampled_from(["large", "small", "other"]), st.sampled_from(["eu", "us"]), st.integers(0, 6),
    )  # fmt: skip
    found = []
    for number, (days, second, size, model, region, pick) in enumerate(draw(st.lists(event, min_size=12, max_size=30))):
        # A wall-clock time that daylight saving leaves out is an hour later: still this local day.
        day = datetime.combine(starts_on + timedelta(days=days), datetime.min.time(), tzinfo=zone)
        properties = {"model": model, "region": region}
        match charge["price"]["model"], charge["aggregation"]:
            case "precomputed", _:
                properties["amount"] = _plain(Decimal(size).scaleb(-2))
            case "capacity", _:
                properties["unit"] = ["cpu", "disk"][pick % 2]
            case _, "unique_count":
                properties["user"] = f"user {pick}"
        found.append(Use(f"{charge['charge_id']}-{number}", charge["charge_id"], charge["meter"],
                         day.replace(hour=second // 3600, minute=second // 60 % 60, second=second % 60),
                         _plain(Decimal(size).scaleb(-2)), tuple(properties.items())))  # fmt: skip
    return found
