"""Billing calendar of the oracle: bill dates step from the anchor, periods lie between them."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTHS = {"monthly": 1, "quarterly": 3, "semiannual": 6, "annual": 12}
DAYS = {"daily": 1, "weekly": 7}


@dataclass(frozen=True)
class Period:
    """[start, end) as lived; [full_start, full_end) is the calendar period that it is the whole or a stub of."""

    start: date
    end: date
    full_start: date
    full_end: date


def months_on(anchor: date, months: int) -> date:
    """`anchor` moved by months; a day that the month lacks becomes its last."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def bill_date(anchor: date, frequency: str, every: int, step: int) -> date:
    if frequency in MONTHS:
        return months_on(anchor, MONTHS[frequency] * every * step)
    return anchor + timedelta(days=DAYS[frequency] * every * step)


def periods(
    starts_on: date, ends_on: date | None, anchor: date, frequency: str, every: int, until: date
) -> Iterator[Period]:
    """Every period that has begun by `until`, in order."""
    step = 0
    while bill_date(anchor, frequency, every, step) > starts_on:
        step -= 1
    while bill_date(anchor, frequency, every, step + 1) <= starts_on:
        step += 1
    while True:
        full_start, full_end = (bill_date(anchor, frequency, every, n) for n in (step, step + 1))
        start, end = max(full_start, starts_on), min(full_end, ends_on or full_end)
        if start > until or start >= end:
            return
        yield Period(start, end, full_start, full_end)
        step += 1


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def days(start: date, end: date) -> Iterator[date]:
    for n in range((end - start).days):
        yield start + timedelta(days=n)
