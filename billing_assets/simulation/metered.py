"""What was reported to AWS: rated usage as whole metering units a day, and what AWS took of them.

A day's units are the whole cents that the rated usage has reached by its end, less those of the days before: the
fraction is carried on, never lost. All in plain Python from events and prices, never with production code.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal

from billing_assets.periods import month_of
from billing_assets.simulation.deals import Deal
from billing_assets.simulation.market import UNIT_AMOUNT, Market
from billing_assets.simulation.usage import Event, subjects

MILLION = Decimal(1_000_000)


@dataclass
class Metering:
    """One deal's metering: exact rated amounts and whole units by UTC day."""

    rated: dict[date, Decimal] = field(default_factory=dict)  # what the events are worth at the contract's prices
    reported: dict[date, int] = field(default_factory=dict)  # units that AWS took, a fault's own included
    doubled: set[date] = field(default_factory=set)  # days of which AWS took the units twice

    def rated_in(self, month: date) -> Decimal:
        return sum((v for day, v in self.rated.items() if month_of(day) == month_of(month)), Decimal(0))

    def reported_in(self, month: date) -> Decimal:
        """Money of the month's units."""
        return UNIT_AMOUNT * sum(u for day, u in self.reported.items() if month_of(day) == month_of(month))


def meter(
    market: Market, deal: Deal, sent: list[Event], rejected: set[date], doubled: set[date], late: set[str]
) -> Metering:
    """Meter the deal's events of every day: AWS refuses the units of `rejected` days, takes those of `doubled` days
    twice, and never hears of the `late` events (ids), which come after its window."""
    names = set(subjects(market.account(deal)))
    prices = dict(zip(("tokens.input", "tokens.output"), map(Decimal, deal.prices or ()), strict=False))
    rated: dict[date, Decimal] = defaultdict(Decimal)
    in_time: dict[date, Decimal] = defaultdict(Decimal)
    for event in sent:
        if event.subject in names and event.meter in prices and isinstance(event.quantity, int):
            worth = event.quantity * prices[event.meter] / MILLION
            rated[event.day] += worth
            if event.event_id not in late:
                in_time[event.day] += worth
    result = Metering(dict(rated), doubled=doubled)
    reached, day = Decimal(0), market.options.first_day
    while day <= market.options.last_day:
        before = units(reached)
        reached += in_time[day]
        of_day = units(reached) - before
        result.reported[day] = 0 if day in rejected else 2 * of_day if day in doubled else of_day
        day += timedelta(days=1)
    return result


def units(amount: Decimal) -> int:
    """Whole units in an amount; the rest is carried."""
    return int((amount / UNIT_AMOUNT).to_integral_value(ROUND_FLOOR))
