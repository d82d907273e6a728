"""The approval ladder: exposure is cumulative, so that splitting an amount and the order of asking change nothing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.access.duties import RANKS
from billing_assets.access.ladder import Stake, exposure, needed, open_places, suffices
from tests.ledger.builders import AS_OF

amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(200_000), places=2)
parts = st.lists(amounts, min_size=1, max_size=6)
kinds = st.sampled_from(["credit", "write_off", "rebill", "price_override", "discount"])


def stake(usd: Decimal, item: str = "document:D-1", what: str = "credit", **changes: object) -> Stake:
    values = {"what": what, "account_id": "A-1", "item": item, "usd": usd, "asked_on": AS_OF, **changes}
    return Stake(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usd", "roles"),
    [
        ("0", ("analyst",)),
        ("500", ("analyst",)),
        ("500.01", ("team_lead",)),
        ("5000", ("team_lead",)),
        ("5000.01", ("billing_manager",)),
        ("25000", ("billing_manager",)),
        ("25000.01", ("controller",)),
        ("100000", ("controller",)),
        ("100000.01", ("controller", "cfo")),
    ],
)
def test_steps_include_their_limit(usd: str, roles: tuple[str, ...]) -> None:
    assert needed(Decimal(usd), AS_OF) == roles


def test_unknown_money_is_for_a_controller() -> None:
    assert needed(None, AS_OF) == ("controller",)


def test_a_higher_rank_may_do_what_a_lower_one_may() -> None:
    assert all(suffices(role, place) == (RANKS.index(role) >= RANKS.index(place)) for role in RANKS for place in RANKS)
    assert not suffices("biller", "analyst")
    assert not suffices(None, "analyst")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ((), ("cfo", "controller")),
        (("controller",), ("cfo",)),
        (("cfo",), ("controller",)),
        (("controller", "controller"), ("cfo",)),
        (("billing_manager", "cfo"), ("controller",)),
        (("controller", "cfo"), ()),
        (("cfo", "cfo"), ()),
    ],
)
def test_above_the_last_limit_cfo_and_controller_both(given: tuple[str, ...], left: tuple[str, ...]) -> None:
    assert open_places(given, needed(Decimal(100_001), AS_OF)) == left


@given(parts, kinds)
def test_splitting_never_gets_under_a_limit(split: list[Decimal], what: str) -> None:
    whole = needed(sum(split, Decimal(0)), AS_OF)
    of_customer = [stake(usd, f"document:{n}", what) for n, usd in enumerate(split)]
    of_item = [stake(usd, "document:D-1", what, account_id=None) for usd in split]
    for stakes in (of_customer, of_item):
        assert needed(exposure(stakes[-1], stakes[:-1], AS_OF), AS_OF) == whole


@given(st.lists(st.tuples(amounts, kinds), min_size=2, max_size=6), st.randoms())
def test_neither_order_nor_name_changes_the_exposure(asked: list[tuple[Decimal, str]], random: object) -> None:
    stakes = [stake(usd, f"document:{n}", what) for n, (usd, what) in enumerate(asked)]
    shuffled = list(stakes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    whole = sum((usd for usd, _ in asked), Decimal(0))
    for order in (stakes, shuffled):
        assert exposure(order[-1], order[:-1], AS_OF) == whole


@given(amounts, amounts)
def test_more_at_stake_never_needs_less(one: Decimal, more: Decimal) -> None:
    def rank(usd: Decimal) -> tuple[int, int]:
        roles = needed(usd, AS_OF)
        return max(map(RANKS.index, roles)), len(roles)

    assert rank(one) <= rank(one + more)


def test_a_customer_counts_for_thirty_days_an_item_for_its_life() -> None:
    this = stake(Decimal(100))
    last_inside = stake(Decimal(10), "document:D-2", asked_on=AS_OF - timedelta(29))
    outside = stake(Decimal(1), "document:D-3", asked_on=AS_OF - timedelta(30))
    assert exposure(this, [last_inside, outside], AS_OF) == 110
    old = stake(Decimal(5000), asked_on=date(2020, 1, 1))
    assert exposure(this, [old, last_inside], AS_OF) == 5100


def test_other_customers_do_not_count() -> None:
    assert exposure(stake(Decimal(100)), [stake(Decimal(9), "document:D-2", account_id="A-2")], AS_OF) == 100


def test_a_break_waived_again_is_the_same_money() -> None:
    again = stake(Decimal(100), "exception:e1", "waiver")
    before = stake(Decimal(120), "exception:e1", "waiver", asked_on=AS_OF - timedelta(60))
    other = stake(Decimal(30), "exception:e2", "waiver")
    assert exposure(again, [before], AS_OF) == 120
    assert exposure(again, [other], AS_OF) == 130
    assert exposure(again, [stake(Decimal(400))], AS_OF) == 100  # a credit is another matter
