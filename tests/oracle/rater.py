"""A second computation of every bill, in plain Python, from landed files and the design's text alone.

Belongs here: putting the parts together into documents. Not here: anything of the platform's own code; an oracle that
shares a helper shares its mistakes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from tests.oracle import evidence
from tests.oracle.adjustments import Grant, discount_lines, draw, grants_of, tax_lines
from tests.oracle.commitments import prepaid_lines, true_up_lines, windowed_lines
from tests.oracle.credits import UnitCredits
from tests.oracle.figures import settle, total
from tests.oracle.recurring import one_time_lines, recurring_lines
from tests.oracle.terms import CHARGED, Contract, Line
from tests.oracle.usage import Attributed, attributed, shared_free, usage_lines


@dataclass
class Bill:
    contract_id: str
    bill_date: date
    currency: str
    lines: list[Line] = field(default_factory=list)
    paid_from_credits: Fraction = Fraction(0)

    def sum(self, *kinds: str) -> Fraction:
        return total(line.amount for line in self.lines if not kinds or line.kind in kinds)


def bills(root: Path, as_of: date) -> dict[tuple[str, date], Bill]:
    """Every bill that the landed files call for with a bill date up to `as_of`; those of zero are left out."""
    contracts = [Contract(versions, as_of) for versions in evidence.contracts(root).values()]
    usage = attributed(contracts, evidence.events(root))
    stops = evidence.suspensions(root)
    found: dict[tuple[str, date], Bill] = {}
    for contract in contracts:
        own_stops = [s for s in stops if s.contract_id == contract.contract_id]
        credits = UnitCredits(contract, _end(as_of))
        charge_lines(contract, usage, own_stops, credits)  # says what is asked of credit, and when
        credits.burn()
        lines = charge_lines(contract, usage, own_stops, credits)
        lines += prepaid_lines(contract) + true_up_lines(contract, lines, as_of) + windowed_lines(contract, lines)
        found |= documents(contract, lines, as_of)
    return found


def _end(as_of: date) -> datetime:
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=1)


def charge_lines(
    contract: Contract, usage: Attributed, stops: list[evidence.Suspension], credits: UnitCredits
) -> list[Line]:
    lines: list[Line] = []
    for period in contract.periods:
        shared = shared_free(contract, period)
        for charge_id in contract.charge_ids("usage"):
            events = usage.get((contract.contract_id, charge_id), [])
            lines += usage_lines(contract, charge_id, period, events, credits, shared)
        for charge_id in contract.charge_ids("recurring"):
            lines += recurring_lines(contract, charge_id, period, stops)
    for charge_id in contract.charge_ids("one_time"):
        lines += one_time_lines(contract, charge_id)
    return lines


def documents(contract: Contract, lines: list[Line], as_of: date) -> dict[tuple[str, date], Bill]:
    """One bill per date: lines rounded together where the contract says so, then discounts, credits and tax."""
    by_date: dict[date, list[Line]] = defaultdict(list)
    for line in lines:
        if line.bill_date <= as_of:
            by_date[line.bill_date].append(line)
    grants: list[Grant] = grants_of(contract, _end(as_of))
    taken: dict[str, int] = {}
    found = {}
    for bill_date in sorted(by_date):
        bill = Bill(contract.contract_id, bill_date, contract.currency, by_date[bill_date])
        charged = [line for line in bill.lines if line.kind in CHARGED]
        if contract.stage == "total" and charged:
            exact = [line.unrounded for line in charged]
            for line, amount in zip(charged, settle(contract.round(total(exact)), exact, contract.places), strict=True):
                line.amount = amount
        for line in bill.lines:
            line.left = line.amount
        discounts = discount_lines(contract, bill.lines, taken)
        credits = draw(contract, bill.lines, [grant for grant in grants if not grant.pays])
        taxes = tax_lines(contract, bill.lines)
        payments = draw(contract, bill.lines, [grant for grant in grants if grant.pays])
        bill.paid_from_credits = -total(line.amount for line in payments)
        bill.lines = bill.lines + discounts + credits + taxes
        if bill.sum():
            found[contract.contract_id, bill_date] = bill
    return found
