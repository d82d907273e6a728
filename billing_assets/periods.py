"""Calendar months, bill-date steps and business days. Dates only; zones are the SQL's and the landing's matter."""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def month_of(day: date) -> str:
    """The close period of a day: 'YYYY-MM'."""
    return f"{day.year:04d}-{day.month:02d}"


def month_bounds(period: str) -> tuple[date, date]:
    """First day of the month and first day of the next one (half-open)."""
    year, month = (int(part) for part in period.split("-"))
    first = date(year, month, 1)
    return first, add_months(first, 1)


def add_months(anchor: date, months: int) -> date:
    """`anchor` moved by whole months; day 29-31 clamps to the month's end. Step from the anchor, not from
    the last result, so that the day comes back after a short month."""
    index = anchor.year * 12 + anchor.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))


def add_business_days(day: date, days: int) -> date:
    """`day` moved forward by `days` weekdays. Holidays are a matter of the seller's calendar, not known here."""
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            days -= 1
    return day
