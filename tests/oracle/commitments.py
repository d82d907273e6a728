"""What commitments add to the charge lines: true-ups, overage above a window, and prepayments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.calendar import Period, midnight
from tests.oracle.figures import total
from tests.oracle.prices import number
from tests.oracle.terms import CHARGED, Contract, Json, Line, applies
from tests.oracle.usage import share_of_full


def commitments(contract: Contract, kind: str) -> list[Json]:
    return [terms for terms in contract.versions[-1].get("commitments") or [] if terms["kind"] == kind]


def settling(contract: Contract, kind: str, commitment_id: str, start: date, end: date, amount: Fraction) -> Line:
    """A commitment's own line, on the bill at the end of its window."""
    line = Line(kind, commitment_id, end, start, end, amount, reference=commitment_id)
    line.amount = contract.round(amount)
    return line


def true_up_lines(contract: Contract, lines: Sequence[Line], as_of: date) -> list[Line]:
    """Minimum spend of each window less the rounded lines whose service lies in it."""
    found = []
    for terms in commitments(contract, "minimum_spend"):
        windows = [(p.start, p.end, share_of_full(p)) for p in contract.periods]
        if terms["window"] == "contract":
            windows = [(contract.starts_on, contract.ends_on, Fraction(1))] if contract.ends_on else []
        for start, end, part in windows:
            due = number(terms["amount"]) * (part if terms.get("prorate") else 1)
            inside = (line for line in lines if line.kind in CHARGED and start <= line.start < end)
            short = due - total(line.amount for line in inside if applies(terms, line))
            if end <= as_of and short > 0:
                found.append(settling(contract, "true_up", terms["commitment_id"], start, end, short))
    return found


def windowed_lines(contract: Contract, lines: Sequence[Line]) -> list[Line]:
    """What windowed commitments add to each period: usage above them at the factor, and the rest where trued up.

    A window is the period itself (then its rounded lines count), a local day or an hour, or a time of day of either.
    """
    found = []
    for terms in commitments(contract, "windowed"):
        if terms.get("quantity") is not None or terms["window"] in {"day", "hour"}:
            found += _fine_lines(contract, terms, lines)
            continue
        held, surcharge = number(terms["amount"]), number(terms["overage_factor"]) - 1
        for period in contract.periods:
            used, topped_up = (_billed(contract, terms, period, lines, kind) for kind in ("usage", "minimum"))
            over = max(used - held, Fraction(0)) * surcharge
            short = max(held - used - topped_up, Fraction(0)) if terms.get("true_up") else Fraction(0)
            for kind, amount in (("overage", over), ("true_up", short)):
                if amount:
                    found.append(settling(contract, kind, terms["commitment_id"], period.start, period.end, amount))
    return found


def _billed(contract: Contract, terms: Json, period: Period, lines: Sequence[Line], kind: str) -> Fraction:
    return total(
        line.amount for line in lines if line.kind == kind and line.bill_date == period.end and applies(terms, line)
    )


def _fine_lines(contract: Contract, terms: Json, lines: Sequence[Line]) -> list[Line]:
    """Every hour that passes falls into one window; a window's cost is the value of the usage in its hours."""
    found = []
    for period in contract.periods:
        used = [i for i in lines if i.kind == "usage" and i.bill_date == period.end and applies(terms, i)]
        hours, at = [], midnight(period.start, contract.zone)
        while at < midnight(period.end, contract.zone):
            hours.append(at)
            at += timedelta(hours=1)
        # window -> [its own terms, cost at list price, units]
        windows: dict[Any, list[Any]] = {
            _window(contract, terms, at)[0]: [_window(contract, terms, at)[1], Fraction(0), Fraction(0)] for at in hours
        }
        for line in used:
            for moment, part in line.shares:
                begun = hours[int((moment - hours[0]) / timedelta(hours=1))]
                window = windows[_window(contract, terms, begun)[0]]
                window[1] += line.unrounded * part
                window[2] += line.unrounded * part / _list_price(contract, line)
        sums = {"overage": Fraction(0), "true_up": Fraction(0)}
        for own, listed, units in windows.values():
            cost = listed if own.get("unit_price") is None else units * number(own["unit_price"])
            held = None if own.get("amount") is None else number(own["amount"])
            if own.get("quantity") is not None:
                held = number(own["quantity"]) * (
                    number(own["unit_price"])
                    if own.get("unit_price") is not None
                    else _any_price(contract, terms, period)
                )
            if held is None:
                sums["overage"] += cost - listed
            elif cost >= held:
                sums["overage"] += held + (cost - held) * number(own.get("overage_factor"), "1") - listed
            elif own.get("true_up"):
                sums["true_up"] += held - listed
            else:
                sums["overage"] += cost - listed
        for kind, amount in sums.items():
            if amount:
                found.append(settling(contract, kind, terms["commitment_id"], period.start, period.end, amount))
    return found


def _window(contract: Contract, terms: Json, hour: datetime) -> tuple[object, Json]:
    """The window of an hour, and the terms that hold in it: those of its time of day, else the commitment's."""
    local = hour.astimezone(contract.zone)
    whole: object = {"hour": hour, "day": local.date()}.get(terms["window"])
    for place, band in enumerate(terms.get("time_of_day") or []):
        first, last = band["from_hour"], band["to_hour"]
        inside = first <= local.hour < last if first < last else local.hour >= first or local.hour < last
        if inside:
            inherited = {name: terms.get(name) for name in ("overage_factor", "true_up")}
            return (whole, place), inherited | {k: v for k, v in band.items() if v is not None}
    return (whole, None), terms


def _list_price(contract: Contract, line: Line) -> Fraction:
    charge = contract.charge_on(line.charge, line.start)
    assert charge
    return number(charge["price"]["unit_price"]) / number(charge["price"].get("per"), "1")


def _any_price(contract: Contract, terms: Json, period: Period) -> Fraction:
    charge = contract.charge_on(terms["applies_to"][0], period.start)
    assert charge
    return number(charge["price"]["unit_price"]) / number(charge["price"].get("per"), "1")


def prepaid_windows(contract: Contract, commitment_id: str) -> list[tuple[date, date | None, Json]]:
    """The windows a prepaid commitment is bought for, on the terms of the day each begins. A month is a period."""
    first = next(terms for terms in contract.versions[0]["commitments"] if terms["commitment_id"] == commitment_id)
    if first["window"] == "contract":
        return [(contract.starts_on, contract.ends_on, first)]
    found: list[tuple[date, date | None, Json]] = []
    for period in contract.periods:
        for terms in contract.version_on(period.start)["commitments"]:
            if terms["commitment_id"] == commitment_id:
                found.append((period.start, period.end, terms))
    return found


def prepaid_lines(contract: Contract) -> list[Line]:
    found = []
    for commitment in commitments(contract, "prepaid"):
        for start, _, terms in prepaid_windows(contract, commitment["commitment_id"]):
            amount = number(terms["amount"])
            found.append(settling(contract, "prepaid", terms["commitment_id"], start, start, amount))
    return found
