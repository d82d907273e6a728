"""When simulated requests arrive: the trace's order, stretched over whole days by an integer calendar.

Request k of R is trace request k modulo the trace's length; requests never overtake each other, so the trace's
arrival order is kept. All arithmetic is on integers, so that SQL and Python agree to the millisecond.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# Share of a week's day and of an hour of the day (UTC): office hours weigh more. Assumed, not from the trace.
WEEKDAY_WEIGHTS = (100, 104, 106, 103, 96, 46, 40)
HOUR_WEIGHTS = (3, 2, 2, 2, 3, 4, 5, 7, 9, 10, 10, 9, 9, 10, 11, 11, 10, 9, 8, 7, 6, 5, 4, 4)
# Usage grows a little every week, so that months differ and minimums and tiers are crossed at different times.
WEEKLY_GROWTH_PERCENT = 1
HOUR_MS = 3_600_000
CUMULATED_HOURS = tuple(sum(HOUR_WEIGHTS[:hour]) for hour in range(25))
DAY_UNITS = CUMULATED_HOURS[24] * HOUR_MS


@dataclass(frozen=True)
class DayOfRequests:
    """Requests `first` up to but without `end` arrive on `day` (UTC)."""

    day: date
    first: int
    end: int


def spread_over_days(first_day: date, last_day: date, requests: int) -> list[DayOfRequests]:
    """Every request's day, from `first_day` to `last_day` inclusive."""
    days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
    weights = [WEEKDAY_WEIGHTS[day.weekday()] * (100 + WEEKLY_GROWTH_PERCENT * (n // 7)) for n, day in enumerate(days)]
    total, passed, result = sum(weights), 0, []
    for day, weight in zip(days, weights, strict=True):
        first = requests * passed // total
        passed += weight
        result.append(DayOfRequests(day, first, requests * passed // total))
    return result


def arrival_ms(position: int, of: int) -> int:
    """Milliseconds after midnight UTC of the day's `position`-th request (from 0) of `of`."""
    units = (2 * position + 1) * DAY_UNITS // (2 * of)
    hour = bisect_right(CUMULATED_HOURS, units // HOUR_MS) - 1
    return hour * HOUR_MS + (units - CUMULATED_HOURS[hour] * HOUR_MS) // HOUR_WEIGHTS[hour]


def arrival_ms_sql(position: str, of: str) -> str:
    """The same as `arrival_ms` as a SQL expression over two BIGINT expressions."""
    units = f"((2 * ({position}) + 1) * {DAY_UNITS} // (2 * ({of})))"
    branches = " ".join(
        f"when {units} < {CUMULATED_HOURS[hour + 1] * HOUR_MS} "
        f"then {hour * HOUR_MS} + ({units} - {CUMULATED_HOURS[hour] * HOUR_MS}) // {HOUR_WEIGHTS[hour]}"
        for hour in range(24)
    )
    return f"(case {branches} end)"


def at(day: date, ms: int) -> datetime:
    """The UTC instant `ms` milliseconds after the day's midnight."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(milliseconds=ms)
