"""The oracle against figures that others published, and the platform's bills against the oracle."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import billing, report
from tests.oracle.adjustments import discount_lines, tax_lines
from tests.oracle.calendar import Period, months_on, periods
from tests.oracle.compare import by_construct, differences
from tests.oracle.constructs import generate, recurring
from tests.oracle.credited import credited
from tests.oracle.evidence import Event
from tests.oracle.figures import rounded, spread
from tests.oracle.mixed import mixed
from tests.oracle.prices import capacity_of, limited_percentage_of, percentage_of, priced
from tests.oracle.recurring import recurring_lines
from tests.oracle.terms import Contract, Line
from tests.oracle.usage import quantity_of
from tests.oracle.world import AS_OF, write

# Open-source tests these figures come from: Lago, OpenMeter, Kill Bill, Flexprice, Meteroid. In major units.
LAGO_TIERS = [
    {"up_to": "10", "unit_price": "10", "flat_price": "2"},
    {"up_to": "20", "unit_price": "5", "flat_price": "3"},
    {"up_to": None, "unit_price": "5", "flat_price": "3"},
]
OPENMETER_TIERS = [
    {"up_to": "5", "unit_price": "0", "flat_price": "100"},
    {"up_to": "10", "unit_price": "0", "flat_price": "50"},
    {"up_to": "15", "unit_price": "10", "flat_price": "0"},
    {"up_to": None, "unit_price": "5", "flat_price": "0"},
]
FLEXPRICE_TIERS = [
    {"up_to": "10", "unit_price": "50"},
    {"up_to": "20", "unit_price": "40"},
    {"up_to": None, "unit_price": "30"},
]
KILLBILL_BLOCKS = [
    {"up_to": "1000", "unit_price": "1", "block_size": "100"},
    {"up_to": None, "unit_price": "1", "block_size": "1000"},
]
LAGO_VOLUME = [
    {"up_to": "100", "unit_price": "2", "flat_price": "10"},
    {"up_to": "200", "unit_price": "1", "flat_price": "0"},
    {"up_to": None, "unit_price": "0.5", "flat_price": "50"},
]
LAGO_SHARES = [
    {"up_to": "10", "rate_percent": "1", "flat_price": "200"},
    {"up_to": "20", "rate_percent": "2", "flat_price": "300"},
    {"up_to": None, "rate_percent": "3", "flat_price": "400"},
]


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        ({"model": "unit", "unit_price": "0.001"}, "100", "0.10"),
        ({"model": "graduated", "tiers": LAGO_TIERS, "flat_at_zero": True}, "11", "110"),
        ({"model": "graduated", "tiers": OPENMETER_TIERS, "flat_at_zero": True}, "5.001", "150"),
        ({"model": "graduated", "tiers": OPENMETER_TIERS, "flat_at_zero": True}, "22", "235"),
        ({"model": "graduated", "tiers": OPENMETER_TIERS, "flat_at_zero": True}, "0", "100"),
        ({"model": "graduated", "tiers": FLEXPRICE_TIERS}, "15", "700"),
        ({"model": "graduated", "tiers": KILLBILL_BLOCKS}, "5325", "15"),
        ({"model": "volume", "tiers": LAGO_VOLUME, "flat_at_zero": True}, "100.5", "100.5"),
        ({"model": "volume", "tiers": LAGO_VOLUME, "flat_at_zero": True}, "1", "12"),
        ({"model": "volume", "tiers": FLEXPRICE_TIERS}, "25", "750"),
        ({"model": "graduated_percentage", "tiers": LAGO_SHARES, "flat_at_zero": True}, "11", "500.12"),
        ({"model": "package", "package_size": "20", "package_price": "5"}, "45", "15"),
        ({"model": "package", "package_size": "10", "package_price": "15"}, "0", "0"),
    ],
)
def test_a_price_gives_the_published_amount(price: dict[str, Any], quantity: str, amount: str) -> None:
    assert priced(price, Fraction(quantity)) == Fraction(amount)


@pytest.mark.parametrize(("free_amount", "amount"), [("250", "11.15"), ("500", "7.2")])
def test_a_percentage_leaves_its_free_allowances_out(free_amount: str, amount: str) -> None:
    price = {"rate_percent": "1.3", "fixed_per_event": "2", "free_events": "3", "free_amount": free_amount}
    assert percentage_of(price, [Fraction(value) for value in (50, 100, 250, 400)]) == Fraction(amount)


@pytest.mark.parametrize(
    ("terms", "values", "amount"),
    [
        ({"rate_percent": "2.99", "free_events": "2", "min_per_event": "1.75"}, (10, 80, 10000), "12"),
        ({"rate_percent": "2.99", "free_events": "3", "free_amount": "10000"}, (10, 80, 10000), "2.691"),
        ({"rate_percent": "1", "fixed_per_event": "1", "min_per_event": "1.75"}, (100, 1000, 10000), "25"),
    ],
)
def test_a_percentage_with_limits_charges_event_by_event(
    terms: dict[str, str], values: tuple[int, ...], amount: str
) -> None:
    price = {"max_per_event": "12"} | terms
    assert limited_percentage_of(price, [Fraction(value) for value in values]) == Fraction(amount)


@pytest.mark.parametrize(
    ("peaks", "amount"),
    [({"unit1": 100, "unit2": 1001}, 20), ({"unit1": 101, "unit2": 1000}, 20), ({"unit1": 10, "unit2": 2001}, 30)],
)
def test_a_capacity_is_the_first_tier_that_holds_every_peak(peaks: dict[str, int], amount: int) -> None:
    tiers = [
        {"limits": {"unit1": "100", "unit2": "1000", "unit3": "50"}, "amount": "10"},
        {"limits": {"unit1": "200", "unit2": "2000", "unit3": "100"}, "amount": "20"},
        {"limits": {}, "amount": "30"},
    ]
    assert capacity_of({"tiers": tiers}, {unit: Fraction(peak) for unit, peak in peaks.items()}) == amount


def _contract(**terms: Any) -> Contract:
    document: dict[str, Any] = {
        "contract_id": "C",
        "version": 1,
        "timezone": "UTC",
        "currency": "USD",
        "starts_on": "2022-01-01",
        "charges": [],
        "billing": {"frequency": "monthly", "anchor_date": "2022-01-01"},
    }
    return Contract([document | terms], date(2022, 6, 1))


def _line(amount: str) -> Line:
    value = Fraction(amount)
    day = date(2022, 1, 1)
    return Line("usage", "u", day, day, day, value, amount=value, left=value)


def test_a_weighted_sum_counts_each_level_for_the_rest_of_the_period() -> None:
    start = datetime(2022, 1, 1, tzinfo=UTC)
    events = [Event(str(n), "s", "m", "a", start, Fraction(3), ()) for n in range(2)]
    month = Period(date(2022, 1, 1), date(2022, 2, 1), date(2022, 1, 1), date(2022, 2, 1))
    charge = {"aggregation": "weighted_sum"}
    assert quantity_of(charge, events, [], month.start, month.end, month, _contract()) == 6


@pytest.mark.parametrize(
    ("frequency", "starts_on", "anchor", "trial_days", "amount"),
    [("monthly", "2022-01-01", "2022-01-01", 3, "90"), ("weekly", "2022-03-09", "2022-03-07", 0, "71")],
)
def test_a_recurring_charge_is_prorated_by_days(
    frequency: str, starts_on: str, anchor: str, trial_days: int, amount: str
) -> None:
    billing_terms = {"frequency": frequency, "anchor_date": anchor, "trial_days": trial_days}
    charge = recurring("1", {"model": "flat", "amount": "100"}, "arrears")
    contract = _contract(starts_on=starts_on, charges=[charge], billing=billing_terms)
    (line,) = recurring_lines(contract, "r", contract.periods[0], [])
    assert rounded(line.unrounded, 0) == Fraction(amount)


def test_bill_dates_step_from_the_anchor() -> None:
    assert [months_on(date(2028, 1, 31), n) for n in (1, 2)] == [date(2028, 2, 29), date(2028, 3, 31)]
    assert months_on(date(2024, 12, 31), 2) == date(2025, 2, 28)
    first = next(periods(date(2021, 1, 1), None, date(2020, 12, 10), "monthly", 1, date(2021, 6, 1)))
    assert (first.start, first.end, first.full_start) == (date(2021, 1, 1), date(2021, 1, 10), date(2020, 12, 10))


@pytest.mark.parametrize(
    ("value", "places", "mode", "result"),
    [("10.275", 2, "half_up", "10.28"), ("0.9", 0, "half_up", "1"), ("123.456", 0, "ceil", "124"),
     ("-2.5", 0, "half_up", "-3"), ("2.5", 0, "half_even", "2"), ("-2.1", 0, "floor", "-3")],
)  # fmt: skip
def test_rounding(value: str, places: int, mode: str, result: str) -> None:
    assert rounded(Fraction(value), places, mode) == Fraction(result)


def test_a_discount_is_spread_by_share_and_loses_nothing() -> None:
    assert spread(Fraction(12), [Fraction(200), Fraction(100)], 2) == [8, 4]
    assert spread(Fraction("0.05"), [Fraction(1)] * 3, 2) == [Fraction("0.02"), Fraction("0.02"), Fraction("0.01")]


def test_discounts_come_off_one_after_another() -> None:
    by_order = [
        {"discount_id": "fixed", "kind": "amount", "value": "10", "order": 1},
        {"discount_id": "share", "kind": "percent", "value": "20", "order": 2},
    ]
    line = _line("100")
    discount_lines(_contract(discounts=by_order), [line], Counter())
    assert line.left == 72


def test_tax_by_line() -> None:
    taxes = [{"tax_code": "state", "rate_percent": "12"}, {"tax_code": "city", "rate_percent": "5"}]
    found = tax_lines(_contract(taxes=taxes), [_line("1000")])
    assert {line.reference: line.amount for line in found} == {"state": 120, "city": 50}


@pytest.mark.dbt
@pytest.mark.end_to_end
def test_the_platform_bills_what_the_oracle_bills(tmp_path: Path) -> None:
    """Nearly two hundred contracts, three months, every line. A difference prints under the construct it is about."""
    world = generate(seed=20260403)
    mixed(world, count=40)
    credited(world)
    landing, home = write(world, tmp_path / "landing"), tmp_path / "home"
    billing("run", "--landing", landing, "--home", home, "--as-of", AS_OF.isoformat())
    found = differences(home, landing)
    assert not found, "\n" + by_construct(found)
    # The comparison is of something: most of the world is billed, and nothing of it was set aside on landing.
    assert len(report(home, "invoices")) > 400
    assert not report(home, "quarantine")
