"""Cells of the feeds: what is read, what is refused, and that SQL reads as Python does."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.landing import marketplace_cells as cells
from billing_assets.landing.marketplace_feeds import SQL_TYPES


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("time", "2024-12-24T11:31:47Z", datetime(2024, 12, 24, 11, 31, 47)),
        ("time", "2024-12-24 11:31:47.0", datetime(2024, 12, 24, 11, 31, 47)),
        ("time", "2025-11-06 00:00:00.000000", datetime(2025, 11, 6)),
        ("time", "2024-12-24 11:31:47.123 UTC", datetime(2024, 12, 24, 11, 31, 47, 123000)),
        ("time", "2024-12-24T11:31:47+02:00", datetime(2024, 12, 24, 9, 31, 47)),
        ("time", "2018-12-12", datetime(2018, 12, 12)),
        ("time", "9999-01-01T00:00:00Z", datetime(9999, 1, 1)),
        ("date", "2025-01-15", date(2025, 1, 15)),
        ("date", "2025-01-15 00:00:00.0", date(2025, 1, 15)),
        ("number", "-7.350000", Decimal("-7.35")),
        ("number", "1e3", Decimal(1000)),
        ("grouped", "1,000", Decimal(1000)),
        ("grouped", "12,345,678.90", Decimal("12345678.9")),
        ("whole", "12", 12),
        ("whole", "2.0", 2),
        ("flag", "1", True),
        ("flag", "false", False),
        ("account", "73739998888", "073739998888"),
        ("account", "0000444456660000", "444456660000"),
        ("account", "root", "root"),
        ("agreement", "agmnt-wxyz", "agmt-wxyz"),
        ("agreement", "agmt-wxyz", "agmt-wxyz"),
        ("text", " 007 ", " 007 "),
    ],
)
def test_a_cell_is_read_exactly(kind: str, text: str, value: Any) -> None:
    assert cells.read(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("time", "2024-02-30T00:00:00Z", "time"),
        ("time", "24/12/2024", "time"),
        ("time", "2024-12-24T24:00:00Z", "time"),
        ("time", "9998-01-01T00:00:00Z", "time"),
        ("date", "2025-01-15T06:00:00Z", "time"),
        ("number", "12,50", "number"),
        ("number", "1,000", "number"),
        ("number", "1.0000000000001", "number"),
        ("number", "1e16", "number"),
        ("number", "$5", "number"),
        ("grouped", "1,00", "number"),
        ("grouped", "1.000,00", "number"),
        ("whole", "1.5", "number"),
        ("flag", "yes", "field"),
        ("account", "4.44457E+11", "number"),
        ("account", "444,456,660,000", "number"),
    ],
)
def test_a_cell_of_another_type_is_refused(kind: str, text: str, code: str) -> None:
    with pytest.raises(cells.BadCell) as refused:
        cells.read(kind, text)
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["", " ", "\t \r", "null"])
def test_a_cell_that_says_nothing_is_null(text: str) -> None:
    assert cells.cleaned(text) is None


def in_sql(kind: str, text: str) -> Any:
    with duckdb.connect() as connection:
        cleaned = f"(select {cells.cleaned_sql('t')} as t from (select ?::varchar as t))"
        row = connection.execute(f"select {cells.plain_sql(kind, 't')} from {cleaned}", [text]).fetchone()
        assert row is not None
        return row[0]


_TEXTS = {
    "time": st.one_of(
        st.datetimes().map(str),
        st.datetimes().map(lambda at: at.replace(tzinfo=UTC).isoformat()),
        st.from_regex(
            r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?Z?", fullmatch=True
        ),
    ),
    "date": st.dates().map(str),
    "number": st.one_of(st.decimals(allow_nan=False, places=6).map(str), st.floats().map(str)),
    "grouped": st.from_regex(r"[0-9]{1,4}(,[0-9]{2,3})*(\.[0-9]+)?", fullmatch=True),
    "whole": st.integers().map(str),
    "flag": st.sampled_from(["0", "1", "true", "False", "2", ""]),
    "account": st.from_regex(r"[0-9]{1,14}[a-z]?", fullmatch=True),
    "agreement": st.sampled_from(["agmnt-1", "agmt-1", "agmnt", "x-agmnt-1", " agmnt-1"]),
    "text": st.text(st.characters(codec="utf-8", exclude_characters="\0")),
}


@given(st.sampled_from(sorted(SQL_TYPES)).flatmap(lambda kind: st.tuples(st.just(kind), _TEXTS[kind])))
def test_what_sql_reads_python_reads_alike(cell: tuple[str, str]) -> None:
    kind, text = cell
    value = in_sql(kind, text)
    cleaned = cells.cleaned(text)
    if value is not None:
        assert cleaned is not None
        assert value == cells.read(kind, cleaned)
    elif kind in ("text", "agreement"):
        assert cleaned is None
