"""What a number may look like when it lands: exactly the decimals that DECIMAL(38,12) holds, and nothing else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.landing.numbers import LIMIT, MAX_DECIMALS, parse_decimal, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0.000", "0"),
        ("+5", "5"),
        ("007", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        ("0.123456789012", "0.123456789012"),
        ("0.1234567890120000", "0.123456789012"),
        ("123456789012345e-12", "123.456789012345"),
        ("999999999999999.999999999999", "999999999999999.999999999999"),
        ("-999999999999999.999999999999", "-999999999999999.999999999999"),
    ],
)
def test_a_decimal_is_read_exactly(text: str, value: str) -> None:
    assert parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "blank"),
        ("   ", "blank"),
        (" 5", "not a decimal"),
        ("5 ", "not a decimal"),
        ("1_000", "not a decimal"),
        ("1,000", "not a decimal"),
        ("NaN", "not a decimal"),
        ("Infinity", "not a decimal"),
        ("-inf", "not a decimal"),
        ("0x10", "not a decimal"),
        ("1.2.3", "not a decimal"),
        ("--1", "not a decimal"),
        (".", "not a decimal"),
        ("e5", "not a decimal"),
        ("１２", "not a decimal"),  # full-width digits are digits to Python, not to us
        ("5\n", "not a decimal"),
        ("true", "not a decimal"),
        ("1e400", "out of range"),
        ("1e-400", "out of range"),
        ("1e15", "10^15"),
        ("1000000000000000", "10^15"),
        ("0.1234567890123", "12 decimals"),
        ("1e-13", "12 decimals"),
        ("9" * 101, "characters"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, part: str) -> None:
    reason = parse_decimal(text)
    assert isinstance(reason, str)
    assert part in reason


_exact = st.decimals(min_value=-(LIMIT - 1), max_value=LIMIT - 1, places=MAX_DECIMALS)


@given(_exact)
def test_every_value_in_range_survives_its_plain_text(value: Decimal) -> None:
    assert parse_decimal(plain(value)) == value


@given(_exact)
def test_every_value_in_range_survives_scientific_spelling(value: Decimal) -> None:
    assert parse_decimal(f"{value:E}") == value


@given(st.text(max_size=40))
def test_no_text_raises_or_leaves_the_range(text: str) -> None:
    parsed = parse_decimal(text)
    if isinstance(parsed, Decimal):
        assert abs(parsed) < LIMIT
        power = parsed.as_tuple().exponent
        assert isinstance(power, int)
        assert -MAX_DECIMALS <= power <= 0


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.500", "1.5"), ("-0", "0"), ("0E-12", "0"), ("1E+3", "1000"), ("100", "100"), ("-20.0", "-20")],
)
def test_a_value_has_one_plain_text(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text
