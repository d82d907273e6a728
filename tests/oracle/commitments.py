"""What commitments add to the charge lines: true-ups, overage above a window, and prepayments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from tests.oracle.calendar import Period, days
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

    A window is the period itself (then its rounded lines count) or a local day.
    """
    found = []
    for terms in commitments(contract, "windowed"):
        held, surcharge = number(terms["amount"]), number(terms["overage_factor"]) - 1
        for period in contract.periods:
            windows = _windows(contract, terms, period, lines)
            over = total(max(value - held, Fraction(0)) for value in windows) * surcharge
            short = total(max(held - value, Fraction(0)) for value in windows) if terms.get("true_up") else Fraction(0)
            for kind, amount in (("overage", over), ("true_up", short)):
                if amount:
                    found.append(settling(contract, kind, terms["commitment_id"], period.start, period.end, amount))
    return found


def _windows(contract: Contract, terms: Json, period: Period, lines: Sequence[Line]) -> list[Fraction]:
    used = [line for line in lines if line.kind == "usage" and line.bill_date == period.end and applies(terms, line)]
    if terms["window"] == "billing_period":
        return [total(line.amount for line in used)]
    cost = dict.fromkeys(days(period.start, period.end), Fraction(0))
    for line in used:
        for at, part in line.shares:
            cost[at.astimezone(contract.zone).date()] += line.unrounded * part
    return list(cost.values())


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
