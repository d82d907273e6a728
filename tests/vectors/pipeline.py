"""Route *pipeline*: every vector a contract of one landing zone, billed in one run, figures read from the drafts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.vectors import case
from tests.vectors.case import Build, Case, Night, total
from tests.vectors.credits import grant_burndown
from tests.vectors.nights import Figures
from tests.vectors.terms import (
    NotSaid,
    Span,
    Usage,
    charge_of,
    contract,
    entries,
    meter_of,
    number,
    per_major,
    plain,
    span_of,
    unit_step,
    usage_of,
)
from tests.vectors.vector import Actual, Json, Vector


def _read(vector: Vector, span: Span) -> case.Read:
    """What is due of the span, in the vector's unit of money, and the units it is for."""

    def read(figures: list[Figures]) -> Actual:
        lines = [line for line in figures[-1].lines if line["service_from"] >= span.start]
        rated = [row for row in figures[-1].rated if row["service_from"] >= span.start]
        units = sum((Decimal(row["billable_quantity"]) for row in rated), Decimal(0))
        tiers = [tier for row in rated for tier in _tiers(vector, row["tiers"])]
        due = {"amount": total(lines) * per_major(vector), "units": units * unit_step(vector)}
        return due | {"quantity": due["units"]} | dict.fromkeys(("lines", "tiers", "tier_lines"), tiers)

    return read


def _tiers(vector: Vector, text: str) -> list[Json]:
    """The parts of a price that a quantity fell into, in order: what was priced at what, before limits and rounding."""
    found: list[Json] = []
    for part in json.loads(text):
        figures = {name: number(value) for name, value in part.items() if name != "cell" and value is not None}
        money = {name: figures[name] * per_major(vector) for name in ("unit_price", "flat_price", "amount") if name in
                 figures}  # fmt: skip
        found.append(figures | money | {"units": figures.get("quantity"), "total": money.get("amount")})
    return found


def _one_night(vector: Vector, contract_id: str, charges: list[Json], usage: list[Usage], **terms: Any) -> Case:
    span = span_of(vector)
    document = contract(vector, contract_id, span, charges, **terms)
    return Case(contract_id, [Night([document], usage)], _read(vector, span))


# -- rate and its kin ----------------------------------------------------------------------------------------------


def rate(vector: Vector, contract_id: str) -> Case:
    price, span = priced(vector), span_of(vector)
    if vector.inputs.get("tier_selection_quantity") is not None:
        raise NotSaid("a charge term that picks the volume tier by another quantity than the one priced")
    terms: Json = {}
    if price.get("commitment"):
        terms["commitments"] = [windowed(vector, price)]
    usage = usage_of(vector, span, entries(vector) or _told(vector))
    return _one_night(vector, contract_id, [charge_of(vector, price, span)], usage, **terms)


def _told(vector: Vector) -> list[Json]:
    """Events where the vector tells their totals only: the leading ones by running total, the rest evenly."""
    if "total" not in vector.inputs:
        return []
    totals = [number(value) for value in vector.inputs.get("running_totals") or []]
    count = int(vector.inputs.get("event_count") or len(totals) or 1)
    found = [after - before for before, after in zip([Decimal(0), *totals], totals, strict=False)][:count]
    left, rest = number(vector.inputs["total"]) - sum(found), count - len(found)
    found += [left / rest] * rest
    return [{"quantity": plain(value)} for value in found]


def windowed(vector: Vector, price: Json) -> Json:
    commitment = price["commitment"]
    amount = {name: plain(number(commitment[name]) / (per_major(vector) if name == "amount" else 1))
              for name in ("amount", "quantity") if commitment.get(name) is not None}  # fmt: skip
    return {"commitment_id": "committed", "kind": "windowed", "window": "billing_period",
            "overage_factor": str(commitment.get("overage_factor") or 1),
            "true_up": bool(commitment.get("true_up"))} | amount  # fmt: skip


def priced(vector: Vector) -> Json:
    if not vector.price or "model" not in vector.price:
        raise NotSaid("a price model")
    return vector.price


def rate_groups(vector: Vector, contract_id: str) -> Case:
    """Each value of the group's properties is rated alone: lines of their own by `group_by`."""
    price, span = priced(vector), span_of(vector)
    named = price.get("group_by") or vector.inputs.get("group_by")
    names = [named] if isinstance(named, str) else list(named or [])
    names = names or sorted({name for event in entries(vector) for name in event.get("properties") or {}})
    return _grouped(vector, contract_id, price, usage_of(vector, span), names)


def rate_buckets(vector: Vector, contract_id: str) -> Case:
    """Each entry is what one time bucket came to: a bucket is a group of its own."""
    price, span = priced(vector), span_of(vector)
    usage = [
        Usage(one.moment, one.quantity, one.meter, one.properties | {"bucket": f"{place:04d}"})
        for place, one in enumerate(usage_of(vector, span))
    ]
    return _grouped(vector, contract_id, price, usage, ["bucket"])


def _grouped(vector: Vector, contract_id: str, price: Json, usage: list[Usage], names: list[str]) -> Case:
    span = span_of(vector)
    if not names:
        names = ["group"]
        usage = [Usage(one.moment, one.quantity, one.meter, one.properties | {"group": f"{place:04d}"})
                 for place, one in enumerate(usage)]  # fmt: skip
    if not any(price.get(name) is not None for name in ("minimum", "maximum", "usage_discount_quantity")):
        return _one_night(vector, contract_id, [charge_of(vector, price, span, group_by=names)], usage)
    # An allowance or a limit is the charge's, not the group's: a charge for each group.
    values = sorted({tuple(str(one.properties.get(name)) for name in names) for one in usage})
    charges = [charge_of(vector, price, span, charge_id=f"charge-{place}", filter=dict(zip(names, value, strict=True)))
               for place, value in enumerate(values)]  # fmt: skip
    return _one_night(vector, contract_id, charges, usage)


def aggregate(vector: Vector, contract_id: str) -> Case:
    """An opening level is a change of level the day before the period, under a contract that began with that day."""
    price, span = priced(vector), span_of(vector)
    usage, level = usage_of(vector, span), number(vector.inputs.get("initial_level") or 0)
    if not level:
        return _one_night(vector, contract_id, [charge_of(vector, price, span)], usage)
    before = span.start - timedelta(days=1)
    opening = Usage(span.opens() - timedelta(hours=12), plain(level), meter_of(price))
    begins = {"starts_on": before.isoformat(), "effective_from": before.isoformat()}
    return _one_night(vector, contract_id, [charge_of(vector, price, span)], [opening, *usage], **begins)


def window_commitment(vector: Vector, contract_id: str) -> Case:
    """A commitment by window. Without times each entry is one window: bill periods of a day, one after another.

    Times of day cannot tell apart what has no time: the commitment is then the same for every window.
    """
    price, span = priced(vector), span_of(vector)
    if any(event.get("timestamp") for event in entries(vector)):
        return _clocked(vector, contract_id, price, span)
    days = Span(span.start, span.start + timedelta(days=max(len(entries(vector)), 1)), span.zone)
    usage = [
        replace(one, moment=days.opens() + timedelta(days=place, hours=1))
        for place, one in enumerate(usage_of(vector, span))
    ]
    document = contract(
        vector, contract_id, days, [charge_of(vector, price, days)],
        billing={"frequency": "daily", "every": 1}, commitments=[windowed(vector, price)],
    )  # fmt: skip
    return Case(contract_id, [Night([document], usage)], _read(vector, days))


def _clocked(vector: Vector, contract_id: str, price: Json, span: Span) -> Case:
    """Windows by the clock: hours unless the vector names another length; `time_buckets` are its times of day.

    Without a period the windows listed are all there are, also where windows without usage would be trued up.
    """
    named = str(vector.inputs.get("window") or (price.get("commitment") or {}).get("window") or "hour").lower()
    usage, buckets = usage_of(vector, span), price.get("time_buckets") or []
    terms, bands = windowed(vector, price) | {"window": named}, [_time_of_day(vector, price, one) for one in buckets]
    is_own = any(_committed(bucket) for bucket in buckets)
    if not vector.period and named == "hour":
        span, bands = _listed_windows(span.zone, usage, bands, terms if is_own or not buckets else None)
    if bands:
        terms["time_of_day"] = bands
    if bands and not is_own:
        # The commitment holds in these hours only; at any other time usage is at list price.
        terms = {name: value for name, value in terms.items() if name not in ("amount", "quantity")}
    document = contract(vector, contract_id, span, [charge_of(vector, price, span)], commitments=[terms])
    return Case(contract_id, [Night([document], usage)], _read(vector, span))


def _listed_windows(zone: str, usage: list[Usage], bands: list[Json], others: Json | None) -> tuple[Span, list[Json]]:
    """The days of the usage, and a time of day for each hour used: as its band says, or `others` outside of all."""
    times = [one.moment.astimezone(ZoneInfo(zone)) for one in usage]
    days, hours = sorted({at.date() for at in times}), sorted({at.hour for at in times})
    span = Span(days[0], days[-1] + timedelta(days=1), zone)
    if len({(at.date(), at.hour) for at in times}) != (span.end - span.start).days * len(hours):
        raise NotSaid("a windowed commitment over other hours on one day than on another")
    named = ("amount", "quantity", "overage_factor", "true_up")
    rest = None if others is None else {name: value for name, value in others.items() if name in named}
    found = []
    for hour in hours:
        own = next((band for band in bands if _holds(band, hour)), rest)
        if own is not None:
            found.append(own | {"from_hour": hour, "to_hour": hour + 1})
    return span, found


def _holds(band: Json, hour: int) -> bool:
    start, end = band["from_hour"], band["to_hour"]
    return bool(start <= hour < end if start < end else hour >= start or hour < end)


def _committed(bucket: Json) -> Json:
    """The commitment of a time of day itself, if it has one."""
    own = bucket.get("commitment") or bucket
    return own if own.get("amount") is not None or own.get("quantity") is not None else {}


def _time_of_day(vector: Vector, price: Json, bucket: Json) -> Json:
    """A time of day with its own commitment, else the price's; one that ends before it begins goes over midnight."""
    committed = _committed(bucket) or price.get("commitment") or {}
    found: Json = {
        "from_hour": _hour(bucket, "from_hour", "start_hour", "from", "start"),
        "to_hour": _hour(bucket, "to_hour", "end_hour", "to", "end") or 24,
    }
    for name, value in (("amount", committed.get("amount")), ("unit_price", bucket.get("unit_price"))):
        if value is not None:
            found[name] = plain(number(value) / per_major(vector))
    for name in ("quantity", "overage_factor"):
        if committed.get(name) is not None:
            found[name] = plain(number(committed[name]))
    if "true_up" in committed:
        found["true_up"] = bool(committed["true_up"])
    return found


def _hour(bucket: Json, *names: str) -> int:
    value = next((bucket[name] for name in names if bucket.get(name) is not None), None)
    if value is None:
        raise NotSaid("the hours of a time of day")
    hour, _, minute = str(value).partition(":")
    if minute.strip("0:"):
        raise NotSaid("a time of day that does not begin and end on the hour")
    return int(hour)


def _credit(value: Any) -> Decimal:
    return number(value["amount"] if isinstance(value, dict) else value)


def rate_less_credits(vector: Vector, contract_id: str) -> Case:
    """Credits are promotional grants, burned in their order from the rated lines."""
    price, span = priced(vector), span_of(vector)
    grants = [
        {"grant_id": f"g{place:03d}", "amount": plain(_credit(value) / per_major(vector)), "unit": "currency",
         "kind": "promotional", "effective_at": span.start.isoformat(), "expires_at": None, "priority": place}
        for place, value in enumerate(vector.inputs.get("credits") or [], start=1)
    ]  # fmt: skip
    charges = [charge_of(vector, price, span)]
    return _one_night(vector, contract_id, charges, usage_of(vector, span), credit_grants=grants)


BUILDERS: dict[str, Build] = {
    "rate": rate,
    "rate_groups": rate_groups,
    "rate_buckets": rate_buckets,
    "aggregate": aggregate,
    "rate_less_credits": rate_less_credits,
    "window_commitment": window_commitment,
    "grant_burndown": grant_burndown,
}
