"""Prices in normal form: each model has its own fields, and a field it does not have is refused, not overlooked."""

import json
from decimal import Decimal
from typing import Any

import pytest

from billing_assets.landing.prices import MODELS, Price, read_price
from billing_assets.landing.strict_json import loads
from billing_assets.landing.terms import BadTerm, Terms

SMALLEST: dict[str, dict[str, Any]] = {
    "unit": {"unit_price": "1"},
    "flat": {"amount": "1"},
    "graduated": {"tiers": [{"up_to": None, "unit_price": "1"}]},
    "volume": {"tiers": [{"up_to": None, "flat_price": "1"}]},
    "graduated_percentage": {"tiers": [{"up_to": None, "rate_percent": "1"}]},
    "package": {"package_size": "10", "package_price": "1"},
    "percentage": {"rate_percent": "1"},
    "capacity": {"tiers": [{"limits": {"cpu": "4"}, "amount": "1"}]},
    "matrix": {"dimension": "model", "prices": {"a": {"model": "unit", "unit_price": "1"}}},
    "dynamic": {"multiplier": "1.5"},
    "precomputed": {},
}


def read(price: dict[str, Any]) -> Price:
    return read_price(Terms(loads(json.dumps(price)), "price"))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_read_from_its_smallest_form(model: str) -> None:
    assert read({"model": model, **SMALLEST[model]}).model == model


@pytest.mark.parametrize("model", MODELS)
def test_a_field_of_no_price_is_refused_in_every_model(model: str) -> None:
    with pytest.raises(BadTerm, match=r"price\.unit_prise: not a field"):
        read({"model": model, **SMALLEST[model], "unit_prise": "9"})


def test_a_field_that_is_null_is_not_there() -> None:
    tiers = [{"up_to": None, "unit_price": "1", "flat_price": None, "amount": None}]
    assert read({"model": "graduated", "tiers": tiers, "unit_price": None, "note": None}).model == "graduated"


@pytest.mark.parametrize("model", sorted(set(MODELS) - {"dynamic", "matrix"}))
def test_a_field_of_another_model_is_refused(model: str) -> None:
    with pytest.raises(BadTerm, match=r"price\.multiplier"):
        read({"model": model, **SMALLEST[model], "multiplier": "2"})


@pytest.mark.parametrize("model", sorted(set(MODELS) - {"precomputed"}))
def test_a_price_without_its_figures_is_refused(model: str) -> None:
    with pytest.raises(BadTerm, match="missing"):
        read({"model": model})


def test_tiers_begin_where_the_last_one_ended() -> None:
    price = read(
        {
            "model": "graduated",
            "flat_at_zero": True,
            "tiers": [
                {"up_to": "10", "unit_price": "0.5", "flat_price": 1},
                {"up_to": 20.5, "unit_price": "0.4", "per": 100},
                {"up_to": None, "unit_price": "0.3", "block_size": 5},
            ],
        }
    )
    assert [(t["tier_no"], t["from_quantity"], t["up_to"]) for t in price.tiers] == [
        (1, Decimal(0), Decimal(10)),
        (2, Decimal(10), Decimal("20.5")),
        (3, Decimal("20.5"), None),
    ]
    assert price.cells[0]["flat_at_zero"] is True


def test_tiers_may_end() -> None:
    assert read({"model": "volume", "tiers": [{"up_to": 5, "unit_price": 1}]}).tiers[-1]["up_to"] == Decimal(5)


@pytest.mark.parametrize(
    ("tiers", "part"),
    [
        ([{"up_to": 10, "unit_price": 1}, {"up_to": 10, "unit_price": 1}], r"tiers\[1\].up_to: tiers must ascend"),
        ([{"up_to": -1, "unit_price": 1}], "ascend"),
        ([{"up_to": None, "unit_price": 1}, {"up_to": 10, "unit_price": 1}], "only the last tier"),
        ([{"up_to": 10}], r"tiers\[0\].unit_price: missing"),
        ([{"up_to": 10, "unit_price": 1, "discount": 5}], r"tiers\[0\].discount: not a field"),
        ([{"up_to": 10, "unit_price": 1, "rate_percent": 5}], "not a field"),
        ([{"up_to": 10, "unit_price": 1, "block_size": 0}], "above zero"),
        ([{"up_to": 10, "unit_price": "1_0"}], "not a decimal"),
        ([], "tiers: missing"),
        ([5], "where an object"),
    ],
)
def test_tiers_that_leave_a_doubt_are_refused(tiers: list[Any], part: str) -> None:
    with pytest.raises(BadTerm, match=part):
        read({"model": "graduated", "tiers": tiers})


def test_a_matrix_has_a_cell_a_value_and_its_default_last() -> None:
    price = read(
        {
            "model": "matrix",
            "dimension": "region",
            "prices": {
                "eu": {"model": "unit", "unit_price": "2"},
                "us": {"model": "graduated", "tiers": [{"up_to": None, "unit_price": "1"}]},
            },
            "default": {"model": "unit", "unit_price": "3"},
        }
    )
    assert [(c["cell_no"], c["is_default"], c["model"]) for c in price.cells] == [
        (1, False, "unit"),
        (2, False, "graduated"),
        (3, True, "unit"),
    ]
    assert [(c["cell_no"], c["property"], c["value"]) for c in price.conditions] == [
        (1, "region", "eu"),
        (2, "region", "us"),
    ]
    assert [tier["cell_no"] for tier in price.tiers] == [2]


def test_a_matrix_of_several_dimensions_has_a_condition_each() -> None:
    price = read(
        {
            "model": "matrix",
            "cells": [
                {"when": {"region": "eu", "size": 5}, "price": {"model": "unit", "unit_price": "2"}},
                {"when": {"region": "us", "spot": True}, "price": {"model": "unit", "unit_price": "1"}},
            ],
        }
    )
    assert [(c["cell_no"], c["property"], c["value"]) for c in price.conditions] == [
        (1, "region", "eu"),
        (1, "size", "5"),
        (2, "region", "us"),
        (2, "spot", "true"),
    ]


_UNIT = {"model": "unit", "unit_price": "1"}


@pytest.mark.parametrize(
    ("price", "part"),
    [
        ({"prices": {"a": _UNIT}}, "dimension: missing"),
        ({"dimension": "d", "prices": {}}, "prices: missing"),
        ({"dimension": "d", "prices": {"a": "1"}}, r"prices.a: '1' where an object"),
        ({"dimension": "d", "prices": {"a": _UNIT}, "cells": []}, "not both"),
        ({"dimension": "d", "prices": {"a": {**_UNIT, "x": 1}}}, "prices.a.x: not a field"),
        ({"dimension": "d", "prices": {"a": {"model": "matrix"}}}, "prices.a.model"),
        ({"cells": [{"when": {}, "price": _UNIT}]}, r"cells\[0\].when: missing"),
        ({"cells": [{"when": {"a": ["x"]}, "price": _UNIT}]}, "a list where a text"),
        ({"cells": [{"when": {"a": 1}, "price": _UNIT}] * 2}, "stands twice"),
        ({"cells": [{"when": {"a": 1}, "price": _UNIT, "note": 1}]}, "note: not a field"),
    ],
)
def test_a_matrix_that_leaves_a_doubt_is_refused(price: dict[str, Any], part: str) -> None:
    with pytest.raises(BadTerm, match=part):
        read({"model": "matrix", **price})


def test_limits_of_capacity_are_exact() -> None:
    tiers = [{"limits": {"cpu": "4.50", "gb": 16}, "amount": 1}, {"limits": {}, "amount": "2"}]
    price = read({"model": "capacity", "tiers": tiers})
    assert [(t["limits"], t["amount"]) for t in price.tiers] == [('{"cpu":"4.5","gb":"16"}', 1), ("{}", 2)]


def test_percentage_limits_must_leave_room() -> None:
    with pytest.raises(BadTerm, match="below min_per_event"):
        read({"model": "percentage", "rate_percent": 1, "min_per_event": 5, "max_per_event": 4})
