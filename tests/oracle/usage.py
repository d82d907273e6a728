"""From events to usage lines: attribution, aggregation, allowances, price, maximum, minimum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor

from tests.oracle.calendar import Period, midnight
from tests.oracle.credits import Demand, UnitCredits
from tests.oracle.evidence import Event
from tests.oracle.figures import rounded, spread, total
from tests.oracle.prices import capacity_of, limited_percentage_of, number, percentage_of, priced
from tests.oracle.terms import Contract, Json, Line, day

Group = tuple[tuple[str, str], ...]
Attributed = dict[tuple[str, str], list[Event]]  # (contract, charge) -> its events in time order


def attributed(contracts: Iterable[Contract], events: Iterable[Event]) -> Attributed:
    """Events by the charge they belong to; one that two contracts claim belongs to neither."""
    owners: dict[str, list[Contract]] = defaultdict(list)
    for contract in contracts:
        names = {contract.versions[-1]["account"]["account_id"], *contract.versions[-1]["account"]["organizations"]}
        for name in names:
            owners[name].append(contract)
    found: Attributed = defaultdict(list)
    for event in events:
        named = event.get("contract_id")
        claims = []
        for contract in owners[event.subject]:
            if named is None or named == contract.contract_id:
                on = event.time.astimezone(contract.zone).date()
                for charge_id in contract.charge_ids("usage"):
                    if _matches(contract.charge_on(charge_id, on), event):
                        claims.append((contract.contract_id, charge_id))
        if len({contract_id for contract_id, _ in claims}) == 1:
            for claim in claims:
                found[claim].append(event)
    return found


def _matches(charge: Json | None, event: Event) -> bool:
    if charge is None or charge["meter"] != event.meter:
        return False
    for name, allowed in (charge.get("filter") or {}).items():
        if event.get(name) not in (allowed if isinstance(allowed, list) else [allowed]):
            return False
    return True


def _read(charge: Json, event: Event) -> Fraction:
    """The number that a numeric aggregation reads: the quantity, or the property named instead."""
    if charge.get("property") and charge["aggregation"] not in {"count", "unique_count"}:
        return Fraction(event.get(charge["property"]) or "0")
    return event.quantity


def quantity_of(
    charge: Json,
    events: Sequence[Event],
    earlier: Sequence[Event],
    start: date,
    end: date,
    served: Period,
    contract: Contract,
) -> Fraction:
    """The aggregated quantity of one group over [start, end), a part of the charge's service period.

    `earlier` events give the opening level; a level weighs by its share of the whole service period.
    """
    values = [_read(charge, event) for event in events]
    aggregation = charge.get("aggregation") or "sum"
    if aggregation in {"count", "unique_count"}:
        return Fraction(
            len(events) if aggregation == "count" else len({e.get(charge["property"]) for e in events} - {None})
        )
    if aggregation == "weighted_sum":
        closes = midnight(end, contract.zone)
        length = _seconds(midnight(served.start, contract.zone), midnight(served.end, contract.zone))
        opening = total(_read(charge, event) for event in earlier)
        level = opening * _seconds(midnight(start, contract.zone), closes)
        level += total(value * _seconds(event.time, closes) for value, event in zip(values, events, strict=True))
        return level / length
    if not values:
        return Fraction(0)
    if aggregation in {"sum", "average"}:
        return total(values) / (len(values) if aggregation == "average" else 1)
    return values[-1] if aggregation == "latest" else {"max": max, "min": min}[aggregation](values)


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start.replace(microsecond=0)).total_seconds())


def _converted(charge: Json, quantity: Fraction) -> Fraction:
    conversion = charge.get("unit_conversion")
    if not conversion:
        return quantity
    quantity /= number(conversion["divide_by"])
    how = conversion.get("rounding") or "none"
    if how == "half_up":
        return rounded(quantity, 0)
    return Fraction({"up": ceil, "down": floor}[how](quantity)) if how in {"up", "down"} else quantity


def _cell(price: Json, event: Event) -> int | str | None:
    """Which cell of a matrix an event falls in."""
    for place, cell in enumerate(price.get("cells") or []):
        if all(event.get(name) == str(value) for name, value in cell["when"].items()):
            return place
    value = event.get(price["dimension"]) if price.get("dimension") else None
    return value if value in (price.get("prices") or {}) else None


def _cell_price(price: Json, cell: int | str | None) -> Json:
    found: Json
    if cell is None:
        found = price["default"]
    else:
        found = price["cells"][cell]["price"] if isinstance(cell, int) else price["prices"][cell]
    return found


def amount_of(charge: Json, quantity: Fraction, events: Sequence[Event]) -> Fraction:
    price = charge["price"]
    match price["model"]:
        case "matrix":
            cells: dict[int | str | None, list[Event]] = defaultdict(list)
            for event in events:
                cells[_cell(price, event)].append(event)
            return total(
                amount_of(
                    charge | {"price": _cell_price(price, cell)},
                    _converted(charge, total(_read(charge, event) for event in found)),
                    found,
                )
                for cell, found in cells.items()
            )
        case "percentage":
            return _percentage(charge, price, events)
        case "precomputed":
            return total(Fraction(event.get("amount") or "0") for event in events)
        case "capacity":
            peaks: dict[str, Fraction] = {}
            for event in events:
                unit = event.get("unit") or ""
                peaks[unit] = max(peaks.get(unit, event.quantity), event.quantity)
            return capacity_of(price, peaks)
    return priced(price, quantity)


def _percentage(charge: Json, price: Json, events: Sequence[Event]) -> Fraction:
    """Of the events of one line and price cell; with limits a correction goes off the event of theirs it corrects."""
    divide_by = number((charge.get("unit_conversion") or {}).get("divide_by"), "1")
    values = {event.event_id: _read(charge, event) / divide_by for event in events}
    if price.get("min_per_event") is None and price.get("max_per_event") is None:
        return percentage_of(price, list(values.values()))
    corrected = set()
    for event in events:
        target = event.get("corrects")
        if event.quantity < 0 and target in values:
            values[target] += values.pop(event.event_id)
            corrected.add(target)
    return limited_percentage_of(price, [v for name, v in values.items() if v or name not in corrected])


def share_of_full(period: Period) -> Fraction:
    return Fraction((period.end - period.start).days, (period.full_end - period.full_start).days)


def _free_quantity(charge: Json, start: date) -> Fraction:
    free = (terms for terms in charge.get("discounts") or [] if terms["kind"] == "free_quantity")
    return total(number(terms["value"]) for terms in free if in_time(terms, start))


def in_time(discount: Json, start: date) -> bool:
    opens, closes = day(discount.get("from")), day(discount.get("to"))
    return (not opens or opens <= start) and (not closes or start < closes)


def shared_free(contract: Contract, period: Period) -> list[Json]:
    """Free quantities of the whole contract in a period, each a copy whose `left` the charges take from in turn."""
    free = [d for d in contract.version_on(period.start).get("discounts") or [] if d["kind"] == "free_quantity"]
    found = []
    for terms in free:
        duration = terms.get("duration") or {"kind": "forever"}
        most = {"once": 1, "periods": duration.get("periods")}.get(duration["kind"])
        before = sum(in_time(terms, earlier.start) for earlier in contract.periods if earlier.start < period.start)
        if in_time(terms, period.start) and (most is None or before < most):
            found.append(terms | {"left": number(terms["value"])})
    return found


def _take(shared: list[Json], charge: Json, wanted: Fraction) -> Fraction:
    taken = Fraction(0)
    for terms in shared:
        named = terms.get("applies_to")
        if not named or {charge["charge_id"], charge.get("product"), "usage"} & set(named):
            part = min(terms["left"], max(wanted - taken, Fraction(0)))
            terms["left"] -= part
            taken += part
    return taken


def usage_lines(
    contract: Contract,
    charge_id: str,
    period: Period,
    events: Sequence[Event],
    credits: UnitCredits,
    shared: list[Json],
) -> list[Line]:
    """The charge's lines on the bill at the period's end, its minimum last."""
    measured: list[tuple[date, date, Json, Group, list[Event], Fraction]] = []
    allowance: Fraction | None = None
    part = Fraction(1)
    for start, end, charge in contract.stretches(charge_id, period):
        part = share_of_full(period) if charge.get("prorate") else Fraction(1)
        if allowance is None:
            allowance = number(charge.get("included_quantity")) * part + _free_quantity(charge, period.start)
        opens, closes = midnight(start, contract.zone), midnight(end, contract.zone)
        inside: dict[Group, list[Event]] = defaultdict(list)
        before: dict[Group, list[Event]] = defaultdict(list)
        for event in events:
            group = tuple((name, event.get(name) or "") for name in sorted(charge.get("group_by") or []))
            if opens <= event.time < closes:
                inside[group].append(event)
            elif event.time < opens:
                before[group].append(event)
        groups = set(inside) | (set(before) if charge.get("aggregation") == "weighted_sum" else set())
        if not charge.get("group_by"):
            groups.add(())
        for group in sorted(groups):
            found = inside[group]
            quantity = _converted(charge, quantity_of(charge, found, before[group], start, end, period, contract))
            measured.append((start, end, charge, group, found, quantity))
    if allowance is None:
        return []
    whole = total(max(quantity, Fraction(0)) for *_, quantity in measured)
    allowance += _take(shared, measured[-1][2], whole - allowance) if measured else 0
    lines: list[Line] = []
    for start, end, charge, group, found, quantity in measured:
        used = min(allowance, max(quantity, Fraction(0)))
        allowance -= used
        key = (charge_id, start, group)
        credits.ask(charge["meter"], _demands(contract, charge, key, found, quantity - used, used, end, period))
        used += credits.taken[key]
        line = Line(
            "usage",
            charge_id,
            period.end,
            start,
            end,
            amount_of(charge, quantity - used, found),
            group,
            charge.get("product"),
        )
        line.shares = _shares(charge, found)
        lines.append(line)
    return lines + _limited(contract, charge_id, period, lines)


def _demands(
    contract: Contract,
    charge: Json,
    key: tuple[str, date, Group],
    events: Sequence[Event],
    quantity: Fraction,
    included: Fraction,
    end: date,
    period: Period,
) -> list[Demand]:
    """When the quantity of a line arose that credit in the meter's unit may be taken off; a peak, when it ends."""
    billed_at, product = midnight(period.end, contract.zone), charge.get("product")
    if charge["aggregation"] not in {"sum", "count"}:
        last = midnight(end, contract.zone) - timedelta(microseconds=1)
        return [Demand(last, key, product, quantity, billed_at)]
    whole_hours = midnight(period.start, contract.zone).minute == 0
    found, so_far, before = [], Fraction(0), Fraction(0)
    for event in events:
        so_far += 1 if charge["aggregation"] == "count" else _read(charge, event)
        charged = max(_converted(charge, so_far) - included, Fraction(0))
        minute = 0 if whole_hours else event.time.minute // 15 * 15
        at = event.time.replace(minute=minute, second=0, microsecond=0)
        found.append(Demand(at, key, product, charged - before, billed_at))
        before = charged
    return found


def _shares(charge: Json, events: Sequence[Event]) -> list[tuple[object, Fraction]]:
    weights = [abs(_read(charge, event)) for event in events]
    whole = total(weights)
    return [(event.time, weight / whole) for event, weight in zip(events, weights, strict=True)] if whole else []


def _limited(contract: Contract, charge_id: str, period: Period, lines: list[Line]) -> list[Line]:
    """Round the lines, hold them to the charge's maximum, and give its minimum line if they fall short."""
    for line in lines:
        line.amount = contract.round(line.unrounded)
    stretches = contract.stretches(charge_id, period)
    if not stretches:
        return []
    charge = stretches[-1][2]
    part = share_of_full(period) if charge.get("prorate") else Fraction(1)
    if charge.get("maximum") is not None:
        top = number(charge["maximum"]) * part
        exact = [line.unrounded for line in lines]
        if total(exact) > top:
            for line in lines:
                line.unrounded = line.unrounded * top / total(exact)
        if total(exact) > top or (
            contract.stage == "line" and total(line.amount for line in lines) > contract.round(top)
        ):
            for line, amount in zip(lines, spread(contract.round(top), exact, contract.places), strict=True):
                line.amount = amount
    if charge.get("minimum") is not None:
        short = number(charge["minimum"]) * part - total(line.amount for line in lines)
        if short > 0:
            line = Line("minimum", charge_id, period.end, period.start, period.end, short, (), charge.get("product"))
            line.amount = contract.round(short)
            return [line]
    return []
