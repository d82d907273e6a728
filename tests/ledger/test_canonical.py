"""One text for one value."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.ledger.canonical import canonical_json, decimal_text, row_hash

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=12).filter(lambda d: abs(d) < 10**26)
texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(amounts)
def test_decimal_text_is_exact_and_plain(amount: Decimal) -> None:
    text = decimal_text(amount)
    assert Decimal(text) == amount
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))
    assert text != "-0"


@given(amounts, st.integers(0, 6))
def test_decimal_text_goes_by_value_not_by_scale(amount: Decimal, zeros: int) -> None:
    padded = Decimal(f"{amount:f}" + ("" if "." in f"{amount:f}" else ".") + "0" * zeros)
    assert decimal_text(padded) == decimal_text(amount)


@pytest.mark.parametrize("text", ["1E+2", "100", "100.00", "1.0E2"])
def test_decimal_text_writes_a_hundred_one_way(text: str) -> None:
    assert decimal_text(Decimal(text)) == "100"


@pytest.mark.parametrize("text", ["0", "-0", "0.000", "0E+5", "-0E-20"])
def test_decimal_text_zero_has_no_sign_and_no_scale(text: str) -> None:
    assert decimal_text(Decimal(text)) == "0"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "0.0000000000001", "1e26", "-1e26"])
def test_decimal_text_refuses_what_the_warehouse_could_not_hold(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|fit"):
        decimal_text(Decimal(text))


@pytest.mark.parametrize("value", [1.5, 1, "1", None])
def test_decimal_text_refuses_what_is_no_decimal(value: object) -> None:
    with pytest.raises(TypeError):
        decimal_text(value)  # type: ignore[arg-type]


@given(plain)
def test_canonical_json_is_sorted_compact_standard_json(value: object) -> None:
    text = canonical_json(value)  # type: ignore[arg-type]
    assert json.loads(text) == value
    assert text == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("value", [1.0, float("nan"), Decimal(1), date(2026, 1, 1), b"x", {1: "a"}, [[0.1]], {"a"}])
def test_canonical_json_refuses_what_has_no_single_text(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)  # type: ignore[arg-type]


def test_row_hash_leaves_nulls_out_so_that_columns_can_be_added() -> None:
    assert row_hash({"a": "x", "new": None}) == row_hash({"a": "x"})


def test_row_hash_tells_values_and_kinds_of_values_apart() -> None:
    values = ["1", 1, 1.0, b"1", "", 0, "0", b"", [1], True]
    assert len({row_hash({"a": value}) for value in values}) == len(values)
    assert row_hash({"a": "x", "b": "y"}) != row_hash({"a": "y", "b": "x"})
