"""Money: the SQL macros and the Python module say the same, and both are exact."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_assets.money import MODES, allocate, exponent, round_amount
from tests.money.sql import money_macros

SQL = money_macros()
duckdb.execute(SQL.create_money_functions())


def decimals(limit: int, places: int = 12) -> st.SearchStrategy[Decimal]:
    return st.integers(-limit * 10**places, limit * 10**places).map(lambda n: Decimal(n).scaleb(-places))


def half_up(x: Fraction, places: int = 12) -> Fraction:
    unit = Fraction(1, 10**places)
    whole = floor(abs(x) / unit + Fraction(1, 2)) * unit
    return whole if x >= 0 else -whole


def run_sql(rows: list[tuple[Decimal, ...]], expression: str) -> list[Decimal]:
    """One query over the whole batch: each row's columns are a, b, c."""
    names = "abc"[: len(rows[0])]
    values = ", ".join(
        "(" + ", ".join([str(i), *(f"cast('{value}' as decimal(38, 12))" for value in row)]) + ")"
        for i, row in enumerate(rows)
    )
    query = f"select {expression} from (values {values}) as t (i, {', '.join(names)}) order by i"
    return [row[0] for row in duckdb.sql(query).fetchall()]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(decimals(10**9), decimals(10**4)), min_size=1, max_size=50))
def test_product_is_the_exact_one_to_twelve_places(rows: list[tuple[Decimal, ...]]) -> None:
    for (a, b), got in zip(rows, run_sql(rows, SQL.multiply("a", "b")), strict=True):
        assert abs(Fraction(got) - Fraction(a) * Fraction(b)) <= Fraction(1, 2 * 10**12)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(10**15), 10**15).map(Decimal),
            decimals(10**6),
            st.sampled_from([Decimal(1), Decimal(31), Decimal(365), Decimal(1000000)]),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_whole_quantity_times_price_per_whole_number_is_rounded_once(rows: list[tuple[Decimal, ...]]) -> None:
    for (a, b, c), got in zip(rows, run_sql(rows, SQL.multiply_divide("a", "b", "c")), strict=True):
        assert Fraction(got) == half_up(Fraction(a) * Fraction(b) / Fraction(c))


# Where DuckDB's own arithmetic would do no longer, and the long way begins.
edges = st.sampled_from([10**4, 10**10]).flatmap(
    lambda edge: st.integers(-2, 2).map(lambda n: edge + Decimal(n).scaleb(-12))
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(edges, edges.map(lambda a: -a), decimals(10**3), decimals(10**11, 6)),
            st.one_of(edges.filter(lambda b: b < 10**6), decimals(10**2), decimals(10**4, 3)),
            st.sampled_from([Decimal(1), Decimal(100), Decimal(1000000), Decimal(31), Decimal(-100)]),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_the_short_way_and_the_long_one_give_the_same(rows: list[tuple[Decimal, ...]]) -> None:
    products = run_sql(rows, SQL.multiply("a", "b"))
    quotients = run_sql(rows, SQL.multiply_divide("a", "b", "c"))
    for (a, b, c), product, quotient in zip(rows, products, quotients, strict=True):
        exact = half_up(Fraction(a) * Fraction(b))
        assert Fraction(product) == exact
        assert Fraction(quotient) == half_up(exact / Fraction(c))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(decimals(10**6, 4), decimals(10**4, 4).filter(lambda d: abs(d) > Decimal("0.5"))),
        min_size=1,
        max_size=50,
    )
)
def test_quotient_is_half_up_at_the_twelfth_place(rows: list[tuple[Decimal, ...]]) -> None:
    for (a, b), got in zip(rows, run_sql(rows, SQL.divide("a", "b")), strict=True):
        assert Fraction(got) == half_up(Fraction(a) / Fraction(b))


def test_division_by_zero_is_null() -> None:
    assert run_sql([(Decimal(1), Decimal(0))], SQL.divide("a", "b")) == [None]


def test_a_month_of_a_large_platform_fits() -> None:
    # 9e16 tokens at 75 per million: beyond what a plain DECIMAL(38,12) product holds.
    rows = [(Decimal(90_000_000_000_000_000), Decimal("75.123456789012"), Decimal(1_000_000))]
    assert run_sql(rows, SQL.multiply_divide("a", "b", "c")) == [Decimal("6761111111011.080000000000")]


@pytest.mark.parametrize("mode", sorted(MODES))
@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(
                decimals(10**6),
                st.integers(-20000, 20000).map(lambda n: Decimal(n).scaleb(-3)),  # many exact halves
                st.integers(-500, 500).map(Decimal),
            ),
            st.integers(-2, 12).map(Decimal),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_sql_and_python_round_alike(mode: str, rows: list[tuple[Decimal, ...]]) -> None:
    got = run_sql(rows, SQL.round_amount("a", "cast(b as integer)", f"'{mode}'"))
    assert got == [round_amount(a, int(places), mode) for a, places in rows]


@pytest.mark.parametrize(
    ("mode", "amount", "expected"),
    [
        ("half_up", "2.345", "2.35"),
        ("half_up", "-2.345", "-2.35"),
        ("half_even", "2.345", "2.34"),
        ("half_even", "2.355", "2.36"),
        ("half_even", "-2.345", "-2.34"),
        ("ceil", "2.341", "2.35"),
        ("ceil", "-2.349", "-2.34"),
        ("floor", "2.349", "2.34"),
        ("floor", "-2.341", "-2.35"),
    ],
)
def test_rounding_modes(mode: str, amount: str, expected: str) -> None:
    assert round_amount(Decimal(amount), 2, mode) == Decimal(expected)
    assert run_sql([(Decimal(amount),)], SQL.round_amount("a", "2", f"'{mode}'")) == [Decimal(expected)]


def test_money_refuses_floats() -> None:
    with pytest.raises(TypeError, match="float"):
        round_amount(1.5, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(("currency", "digits"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("EUR", 2)])
def test_currency_digits(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


weights = st.lists(st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-4)), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**8), 10**8), weights, st.sampled_from([0, 2, 3]))
def test_allocation_adds_up_and_stays_within_a_unit_of_the_share(
    units: int, weights: list[Decimal], places: int
) -> None:
    total = Decimal(units).scaleb(-places)
    parts = allocate(total, weights, places)
    assert sum(parts) == total
    whole = sum(weights)
    if whole:
        unit = Fraction(1, 10**places)
        for part, weight in zip(parts, weights, strict=True):
            assert abs(Fraction(part) - Fraction(total) * Fraction(weight) / Fraction(whole)) < unit


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(-(10**8), 10**8), weights), min_size=1, max_size=10))
def test_sql_and_python_allocate_alike(cases: list[tuple[int, list[Decimal]]]) -> None:
    rows = [
        f"({g}, {i}, cast('{Decimal(units).scaleb(-2)}' as decimal(38, 12)), cast('{w}' as decimal(38, 12)))"
        for g, (units, ws) in enumerate(cases)
        for i, w in enumerate(ws)
    ]
    query = SQL.allocate("t", "g", "total", "weight", "2", "i")
    got = duckdb.sql(
        f"with t as (select * from (values {', '.join(rows)}) as v (g, i, total, weight)) "
        f"select g, i, allocated from {query} order by g, i"
    ).fetchall()
    expected = [
        (g, i, part)
        for g, (units, ws) in enumerate(cases)
        for i, part in enumerate(allocate(Decimal(units).scaleb(-2), ws, 2))
    ]
    assert got == expected
