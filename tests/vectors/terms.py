"""A vector's price and usage as terms of a contract. One small named rule for each semantic a vector may state.

Belongs here: what a field of a vector is called in a contract, and units of money. Which nights an op needs is in
`cases_*` modules; nothing here looks at an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing_assets.money import exponent
from tests.vectors.vector import Json, Vector

# More places than a price has: nothing is rounded where a vector asks for the exact figure.
EXACT_PLACES = 12
# After every date that a source may use: nothing lands in the future of the first business date.
YEAR = 2031
MONTH = (date(YEAR, 1, 1), date(YEAR, 2, 1))
NO_CURRENCY = "USD"  # credits and bare units are billed in a currency that plays no part
# The quantity of these prices is money itself, written in major units like every figure of the price.
_PRICED_ON_MONEY = {"percentage", "graduated_percentage"}
_MONEY = ("unit_price", "flat_price", "amount", "package_price", "fixed_per_event", "min_per_event", "max_per_event")
_RATES = ("rate_percent", "multiplier")
_CELL = ("model", "package_size", "free_units", "package_rounding", "free_events", "free_amount", "flat_at_zero")
_UP_DOWN = {"ceil": "up", "up": "up", "floor": "down", "down": "down", "half_up": "half_up", "round": "half_up",
            "none": "none", None: "none"}  # fmt: skip


class NotSaid(Exception):
    """No contract term says this; the message names the missing term."""


def plain(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"


def number(value: Any) -> Decimal:
    return Decimal(str(value))


@dataclass(frozen=True)
class Usage:
    """One event: when (with zone), how much of which meter."""

    moment: datetime
    quantity: str | None
    meter: str
    properties: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """A service period, [start, end) of local days."""

    start: date
    end: date
    zone: str

    def opens(self) -> datetime:
        return datetime.combine(self.start, datetime.min.time(), ZoneInfo(self.zone)).astimezone(UTC)

    def closes(self) -> datetime:
        return datetime.combine(self.end, datetime.min.time(), ZoneInfo(self.zone)).astimezone(UTC)

    def spread(self, count: int) -> list[datetime]:
        """Events without a time: evenly inside the period, in their order."""
        length = (self.closes() - self.opens()) / (count + 1)
        return [(self.opens() + length * (place + 1)).replace(microsecond=0) for place in range(count)]


# -- money ---------------------------------------------------------------------------------------------------------


def digits(vector: Vector) -> int:
    """Places of the currency's minor unit (ISO 4217)."""
    return exponent(currency(vector))


def per_major(vector: Vector) -> Decimal:
    """How many of the vector's unit of money make one of the contract's: minor units are cents, yen or fils."""
    return Decimal(10) ** digits(vector) if vector.amount_unit == "minor" else Decimal(1)


def in_major(vector: Vector, model: str | None) -> Decimal:
    """What takes a figure of the price to major units."""
    return Decimal(1) if model in _PRICED_ON_MONEY else 1 / per_major(vector)


def currency(vector: Vector) -> str:
    code = vector.currency or NO_CURRENCY
    return code if len(code) == 3 and code.isupper() else NO_CURRENCY


def rounding(vector: Vector) -> Json:
    """`stage` total or line round money, in the vector's unit; any other stage, or none, leaves it exact."""
    rule = vector.rounding or {}
    if rule.get("stage") not in ("total", "line"):
        return {"mode": "half_up", "stage": "line", "places": EXACT_PLACES}
    shift = digits(vector) if vector.amount_unit == "minor" else 0
    return {"mode": rule["mode"], "stage": rule["stage"], "places": int(rule["places"]) + shift}


# -- time ----------------------------------------------------------------------------------------------------------


def zone_of(vector: Vector) -> str:
    return vector.timezone or "UTC"


def moment(text: str, zone: str) -> datetime:
    """A bare date is its local midnight; a time without offset is local."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def span_of(vector: Vector) -> Span:
    """The vector's period; else the whole months of its events; else one month."""
    zone = zone_of(vector)
    if vector.period:
        start, end = (moment(vector.period[name], zone).astimezone(ZoneInfo(zone)) for name in ("from", "to"))
        started = end.hour or end.minute or end.second
        return Span(start.date(), end.date() + timedelta(days=1 if started else 0), zone)
    days = sorted(
        moment(event["timestamp"], zone).astimezone(ZoneInfo(zone)).date()
        for event in vector.usage
        if event.get("timestamp")
    )
    if days:
        return Span(days[0].replace(day=1), _next_month(days[-1]), zone)
    return Span(*MONTH, zone)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


# -- price ---------------------------------------------------------------------------------------------------------


def price_of(price: Json, factor: Decimal) -> Json:
    """The price object of a contract: money times `factor`, fields the model is silent about left out."""
    if price["model"] == "matrix":
        return _matrix(price, factor)
    if price["model"] == "flat":
        return {"model": "flat", "amount": plain(number(price["amount"]) * factor)}
    found = {name: price[name] for name in _CELL if price.get(name) is not None}
    found |= _scaled(price, _MONEY, factor) | _scaled(price, (*_RATES, "per"), Decimal(1))
    if "tiers" in price:
        found["tiers"] = [_tier(tier, factor) for tier in price["tiers"]]
        if price["model"] == "volume":
            # All units are at one tier, and beyond the last bound there is no other: the last holds them.
            found["tiers"][-1]["up_to"] = None
    return found


def _tier(tier: Json, factor: Decimal) -> Json:
    found = {name: tier[name] for name in ("up_to", "block_size", "limits") if tier.get(name) is not None}
    found |= _scaled(tier, _MONEY, factor) | _scaled(tier, ("rate_percent",), Decimal(1))
    return found if "limits" in tier else {"up_to": None} | found


def _scaled(source: Json, names: Iterable[str], factor: Decimal) -> Json:
    return {name: plain(number(source[name]) * factor) for name in names if source.get(name) is not None}


def _matrix(price: Json, factor: Decimal) -> Json:
    def cell(value: Any) -> Json:
        return price_of(value if isinstance(value, dict) else {"model": "unit", "unit_price": value}, factor)

    found: Json = {"model": "matrix", "dimension": price.get("dimension")}
    if price.get("prices"):
        found["prices"] = {value: cell(one) for value, one in price["prices"].items()}
    if price.get("cells"):
        found["cells"] = [{"when": one["when"], "price": cell(one["price"])} for one in price["cells"]]
    if price.get("default") is not None:
        found["default"] = cell(price["default"])
    return found


def off(price: Json, percent: Decimal) -> Json:
    """The same price less a percentage: every figure that an amount is made of."""
    left = (100 - percent) / 100
    found = dict(price)
    for name in (*_MONEY, *_RATES):
        if price.get(name) is not None:
            found[name] = plain(number(price[name]) * left)
    for name in ("tiers",):
        if name in price:
            found[name] = [off(tier, percent) for tier in price[name]]
    if "prices" in price:
        found["prices"] = {value: off(one, percent) for value, one in price["prices"].items()}
    if price.get("default") is not None:
        found["default"] = off(price["default"], percent)
    return found


# -- charge --------------------------------------------------------------------------------------------------------


def charge_of(vector: Vector, price: Json, span: Span, *, bounded: bool = False, **terms: Any) -> Json:
    """A vector's price as one charge. `bounded` ends it with the span, so that later periods owe nothing."""
    factor = in_major(vector, price["model"])
    discounts: list[Json] = []
    if price.get("usage_discount_quantity") is not None:
        discounts.append(
            {"discount_id": "free", "kind": "free_quantity", "value": str(price["usage_discount_quantity"])}
        )
    if price.get("percentage_discount") is not None:
        percent = number(price["percentage_discount"])
        if any(price.get(name) is not None for name in ("minimum", "maximum")):
            # A minimum and a maximum are of what is left after the discount, so the discount is in the price.
            price = off(price, percent)
        else:
            discounts.append({"discount_id": "off", "kind": "percent", "value": plain(percent)})
    charge: Json = {"charge_id": "charge", "product": "product", "price": price_of(_per_step(vector, price), factor),
                    "discounts": discounts} | _scaled(price, ("minimum", "maximum"), factor)  # fmt: skip
    if price["model"] == "flat":
        timing = "advance" if str(price.get("timing", "in_arrears")).endswith("advance") else "arrears"
        charge |= {"type": "recurring", "timing": timing, "quantity": "1"}
    else:
        charge |= {"type": "usage", "timing": "arrears", "meter": meter_of(price),
                   "aggregation": aggregation_of(price)} | _units(vector, price)  # fmt: skip
        if charge["aggregation"] == "unique_count":
            charge["property"] = counted_property(vector, price)
    if bounded:
        charge["effective_to"] = span.end.isoformat()
    return charge | terms


def unit_step(vector: Vector) -> Decimal:
    """`units_places`: the step that aggregated units are rounded to; one where the vector rounds none."""
    places = (vector.rounding or {}).get("units_places")
    return Decimal(1) if places is None else Decimal(1).scaleb(-int(places))


def _units(vector: Vector, price: Json) -> Json:
    """Raw usage to priced units: `unit_config`; or units counted in the steps they are rounded to."""
    config, step = price.get("unit_config"), unit_step(vector)
    if config:
        divisor = number(config["divide_by"]) if config.get("divide_by") else 1 / number(config["multiply_by"])
        return {"unit_conversion": {"divide_by": plain(divisor), "rounding": _UP_DOWN[config.get("rounding")]}}
    if (vector.rounding or {}).get("units_places") is not None:
        return {"unit_conversion": {"divide_by": plain(step), "rounding": _UP_DOWN[(vector.rounding or {})["mode"]]}}
    return {}


def _per_step(vector: Vector, price: Json) -> Json:
    """The price of a step, where units are counted in steps."""
    step = unit_step(vector)
    if step == 1:
        return price
    if price["model"] != "unit" or price.get("unit_config"):
        raise NotSaid("units rounded to places of their own before a price that is not one a unit")
    return {"per": plain(1 / step), **price}


def aggregation_of(price: Json) -> str:
    """What the vector names; of a capacity the greatest quantity counts, of anything else the sum."""
    return str(price.get("aggregation") or ("max" if price.get("model") == "capacity" else "sum"))


def meter_of(price: Json) -> str:
    """A meter per aggregation: how a quantity is read decides what landing takes for one."""
    return f"usage_{aggregation_of(price)}"


_COUNTED = "unique_id"


def counted_property(vector: Vector, price: Json) -> str:
    """What a distinct count counts: the property the price names, else the one that the events have."""
    named = price.get("property") or price.get("field")
    if named:
        return str(named)
    names = {name for event in vector.usage for name in event.get("properties") or {}}
    if "operation_type" in names:
        raise NotSaid("a distinct count that takes a value away again")
    if len(names) > 1 and _COUNTED not in names:
        raise NotSaid("which of several properties a distinct count counts")
    return names.pop() if len(names) == 1 else _COUNTED


def entries(vector: Vector) -> list[Json]:
    """The usage listed; an op that lists figures under its inputs instead lists quantities, by name or in order."""
    if vector.usage:
        return vector.usage
    for name in ("buckets", "windows", "groups", "values", "quantities"):
        listed = vector.inputs.get(name)
        if isinstance(listed, dict):
            return [{"quantity": value, "properties": {"group": key}} for key, value in listed.items()]
        if isinstance(listed, list):
            return [one if isinstance(one, dict) else {"quantity": one} for one in listed]
    return []


def usage_of(vector: Vector, span: Span, events: Sequence[Json] | None = None) -> list[Usage]:
    """The vector's events as a meter sends them."""
    listed = entries(vector) if events is None else events
    times = span.spread(len(listed))
    found = []
    for event, time in zip(listed, times, strict=True):
        at = moment(event["timestamp"], span.zone) if event.get("timestamp") else time
        found.append(Usage(at, _quantity(vector, event), meter_of(vector.price or {}), _properties(vector, event)))
    return found


def _quantity(vector: Vector, event: Json) -> str | None:
    value = event.get("quantity")
    if value is not None and (vector.price or {}).get("model") == "dynamic":
        return plain(number(value) * in_major(vector, "dynamic"))  # the metered value is money
    return None if value is None else str(value)


def _properties(vector: Vector, event: Json) -> Json:
    """`precise_total_amount_cents` is in minor units always; a contract's events bring `amount` in major ones."""
    found = {name: value for name, value in (event.get("properties") or {}).items() if value is not None}
    cents = found.pop("precise_total_amount_cents", None)
    if cents is not None:
        found["amount"] = plain(number(cents) / Decimal(10) ** digits(vector))
    return found


# -- contract ------------------------------------------------------------------------------------------------------


def contract(vector: Vector, contract_id: str, span: Span, charges: list[Json], **terms: Any) -> Json:
    """One contract with one account. A period that is no calendar month is one long bill period cut off at its end."""
    monthly = span.start.day == 1 and span.end == _next_month(span.start)
    billing: Json = {"frequency": "monthly" if monthly else "annual", "anchor_date": span.start.isoformat(),
                     "every": 1 if monthly else (span.end - span.start).days // 365 + 1,
                     "rounding": rounding(vector), "proration": "none", "payment_terms_days": 30}  # fmt: skip
    return {
        "contract_id": contract_id,
        "version": 1,
        "effective_from": span.start.isoformat(),
        "account": {"account_id": f"A-{contract_id}", "name": contract_id, "country": "US",
                    "currency": currency(vector)},
        "channel": "direct",
        "selling_entity": "US01",
        "currency": currency(vector),
        "timezone": span.zone,
        "starts_on": span.start.isoformat(),
        "ends_on": span.end.isoformat(),
        "charges": charges,
    } | terms | {"billing": billing | terms.get("billing", {})}  # fmt: skip
