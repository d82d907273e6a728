"""How many US dollars a request puts at stake, counted with what was asked for before, and who must approve that.

Pure functions. Exposure is the larger of two sums: the customer's, over a window of days, and the item's, over its
whole life. Splitting an amount changes neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing_assets.access.duties import EXPOSURE_DAYS, LADDERS, RANKS

# What gives money away is counted together, whatever it is called: half a credit and half a write-off are one gift.
_GIVES = frozenset({"credit", "rebill", "void", "write_off", "price_override", "discount", "terms"})


@dataclass(frozen=True)
class Stake:
    """Money asked for: by which kind of request, for which customer and item, how much in US dollars, on which day."""

    what: str
    account_id: str | None
    item: str
    usd: Decimal
    asked_on: date


def exposure(stake: Stake, others: Iterable[Stake], as_of: date) -> Decimal:
    """Cumulative US dollars at stake with `stake`, among the other live requests, as seen on `as_of`."""
    first = as_of - timedelta(days=EXPOSURE_DAYS)
    family = [stake, *(other for other in others if _family(other.what) == _family(stake.what))]
    of_item = [other for other in family if other.item == stake.item]
    of_account = [
        other
        for other in family
        if other is stake or (other.account_id is not None and other.account_id == stake.account_id)
        if other is stake or other.asked_on > first
    ]
    return max(_total(of_item), _total(of_account))


def _family(what: str) -> str:
    return "gives" if what in _GIVES else what


def _total(stakes: list[Stake]) -> Decimal:
    """Money given away adds up. The same break waived again is the same money: its largest amount counts."""
    if stakes[0].what in _GIVES:
        return sum((stake.usd for stake in stakes), Decimal(0))
    largest: dict[str, Decimal] = {}
    for stake in stakes:
        largest[stake.item] = max(stake.usd, largest.get(stake.item, Decimal(0)))
    return sum(largest.values(), Decimal(0))


def needed(usd: Decimal | None, day: date) -> tuple[str, ...]:
    """The roles that must approve this exposure, by the ladder of the day, one person each.

    Money that nobody can state (None) is for a controller.
    """
    if usd is None:
        return ("controller",)
    steps = LADDERS[max(first for first in LADDERS if first <= day)]
    return next(step.roles for step in steps if step.up_to is None or usd <= step.up_to)


def suffices(role: str | None, wanted: str) -> bool:
    """Whether an approval in `role` counts where `wanted` is asked for: the same or a higher rank."""
    return role in RANKS and RANKS.index(str(role)) >= RANKS.index(wanted)


def open_places(roles: Iterable[str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Of the roles wanted, those that no approval fills. Each approval is of another person and fills one place."""
    places = sorted(wanted, key=RANKS.index, reverse=True)
    for role in sorted((role for role in roles if role in RANKS), key=RANKS.index, reverse=True):
        filled = next((place for place in places if suffices(role, place)), None)
        if filled is not None:
            places.remove(filled)
    return tuple(places)
