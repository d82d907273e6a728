"""What a vector becomes: the terms of its contract, rule by rule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.vectors.billed import BUILDERS
from tests.vectors.terms import NotSaid, Span, charge_of, contract, moment, price_of, rounding, span_of, usage_of
from tests.vectors.vector import Vector

SPAN = Span(date(2031, 1, 1), date(2031, 2, 1), "UTC")


def vector(**fields: Any) -> Vector:
    given: dict[str, Any] = {
        "id": "x/ours-001", "op": "rate", "currency": "USD", "amount_unit": "major", "timezone": None, "price": None,
        "usage": [], "inputs": {}, "period": None, "expected": {}, "rounding": None, "tolerance": None,
    }  # fmt: skip
    return Vector(**given | fields)


def charge(price: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return charge_of(vector(price=price, **fields), price, SPAN)


@pytest.mark.parametrize(("currency", "price"), [("USD", "12.5"), ("JPY", "1250"), ("KWD", "1.25")])
def test_minor_units_are_divided_by_those_of_the_currency(currency: str, price: str) -> None:
    found = charge({"model": "unit", "unit_price": "1250"}, amount_unit="minor", currency=currency)
    assert found["price"] == {"model": "unit", "unit_price": price}


def test_a_percentage_is_in_major_units_whatever_the_answer_is_in() -> None:
    price = {"model": "percentage", "rate_percent": "1", "fixed_per_event": "5"}
    assert charge(price, amount_unit="minor")["price"] == price


def test_a_discount_is_in_the_price_only_where_a_limit_follows_it() -> None:
    price = {"model": "unit", "unit_price": "10", "percentage_discount": "25"}
    alone, capped = charge(price), charge(price | {"maximum": "60"})
    assert alone["price"]["unit_price"] == "10"
    assert alone["discounts"] == [{"discount_id": "off", "kind": "percent", "value": "25"}]
    assert (capped["price"]["unit_price"], capped["maximum"], capped["discounts"]) == ("7.5", "60", [])


def test_the_last_volume_tier_has_no_bound_and_the_last_graduated_one_keeps_it() -> None:
    tiers = [{"up_to": "10", "unit_price": "1", "flat_price": None}]
    assert charge({"model": "volume", "tiers": tiers})["price"]["tiers"] == [{"up_to": None, "unit_price": "1"}]
    assert charge({"model": "graduated", "tiers": tiers})["price"]["tiers"] == [{"up_to": "10", "unit_price": "1"}]


@pytest.mark.parametrize(
    ("price", "aggregation"),
    [({"model": "unit", "unit_price": "1"}, "sum"), ({"model": "capacity", "tiers": []}, "max"),
     ({"model": "unit", "unit_price": "1", "aggregation": "latest"}, "latest")],
)  # fmt: skip
def test_the_greatest_quantity_of_a_capacity_counts(price: dict[str, Any], aggregation: str) -> None:
    assert charge(price)["aggregation"] == aggregation


def test_no_rounding_is_many_places_and_minor_places_are_shifted() -> None:
    assert rounding(vector())["places"] == 12
    rule = {"mode": "ceil", "places": 0, "stage": "total"}
    assert rounding(vector(rounding=rule, amount_unit="minor"))["places"] == 2
    assert rounding(vector(rounding=rule | {"stage": "units"}))["places"] == 12


def test_times_that_are_missing_lie_inside_the_period_in_order() -> None:
    times = [one.moment for one in usage_of(vector(usage=[{"quantity": "1"}] * 3, price={}), SPAN)]
    assert times == sorted(set(times))
    assert SPAN.opens() < times[0] <= times[-1] < SPAN.closes()


def test_a_period_is_of_local_days_and_holds_a_last_part_of_one() -> None:
    berlin = {"timezone": "Europe/Berlin", "period": {"from": "2024-03-01", "to": "2024-03-31T22:30:00Z"}}
    assert span_of(vector(**berlin)) == Span(date(2024, 3, 1), date(2024, 4, 2), "Europe/Berlin")
    assert moment("2024-03-01", "Europe/Berlin") == datetime(2024, 2, 29, 23, tzinfo=UTC)


def test_a_contract_has_one_bill_period_whatever_the_span() -> None:
    assert contract(vector(), "V00000", SPAN, [])["billing"]["frequency"] == "monthly"
    odd = contract(vector(), "V00000", Span(date(2022, 7, 9), date(2024, 8, 9), "UTC"), [])
    assert (odd["billing"]["frequency"], odd["billing"]["every"], odd["ends_on"]) == ("annual", 3, "2024-08-09")


def test_a_precomputed_amount_is_in_cents_in_every_vector() -> None:
    event = {"quantity": "1", "properties": {"precise_total_amount_cents": "10.1"}}
    (one,) = usage_of(vector(usage=[event], price={"model": "precomputed"}), SPAN)
    assert one.properties == {"amount": "0.101"}


def test_what_no_term_says_is_named() -> None:
    tiers = [{"up_to": None, "unit_price": "1"}]
    picked = vector(price={"model": "volume", "tiers": tiers}, inputs={"tier_selection_quantity": "5"})
    with pytest.raises(NotSaid, match="picks the volume tier"):
        BUILDERS["rate"](picked, "V00000")


def test_a_matrix_keeps_its_prices_by_value() -> None:
    price = {"model": "matrix", "dimension": "size", "prices": {"s": {"model": "unit", "unit_price": "1"}}}
    assert price_of(price | {"default": None}, Decimal(1)) == price
