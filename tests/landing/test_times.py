"""What a date or a moment may look like when it lands: no zone is guessed and no digit is cut."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.landing.times import parse_date, parse_timestamp


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01t00:00:00z", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01 12:30:05.5+02:00", datetime(2026, 3, 1, 10, 30, 5, 500000, tzinfo=UTC)),
        ("2026-03-01T12:30:05-0530", datetime(2026, 3, 1, 18, 0, 5, tzinfo=UTC)),
        ("2024-02-29T23:59:59.123456Z", datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)),
        ("2026-12-31T23:30:00-01:00", datetime(2027, 1, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_turned_into_utc(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2026-03-01T00:00:00", "no zone"),
        ("2026-03-01", "not a timestamp"),
        ("2026-03-01T00:00Z", "not a timestamp"),
        ("1767225600", "not a timestamp"),
        ("", "not a timestamp"),
        ("2026-03-01T00:00:00.1234567Z", "6 decimals"),
        ("2026-02-29T00:00:00Z", "calendar"),
        ("2026-13-01T00:00:00Z", "calendar"),
        ("2026-03-01T24:00:00Z", "time of day"),
        ("2026-03-01T23:59:60Z", "leap second"),
        ("1899-12-31T23:59:59Z", "years"),
        ("3000-01-01T00:00:00Z", "years"),
        ("2999-12-31T23:30:00-01:00", "years"),
        ("2026-03-01T00:00:00+24:00", "offset"),
        ("2026-03-01T00:00:00+01:60", "offset"),
        ("2026-03-01T00:00:00Z\n", "not a timestamp"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, part: str) -> None:
    reason = parse_timestamp(text)
    assert isinstance(reason, str)
    assert part in reason


_offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1900, 1, 2), datetime(2999, 12, 30), timezones=_offsets))
def test_every_moment_survives_its_iso_text(moment: datetime) -> None:
    assert parse_timestamp(moment.isoformat()) == moment


@given(st.text(alphabet="0123456789-T:.Z+ ", max_size=36))
def test_no_text_raises(text: str) -> None:
    parsed = parse_timestamp(text)
    assert isinstance(parsed, str) or parsed.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2024-02-29", date(2024, 2, 29)), ("1900-01-01", date(1900, 1, 1))],
)
def test_a_date_is_read(text: str, expected: date) -> None:
    assert parse_date(text) == expected


@pytest.mark.parametrize("text", ["2026-2-1", "20260201", "2026-02-30", "2026-02-01T00:00:00Z", "", "0001-01-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    assert isinstance(parse_date(text), str)
