"""Dates and moments from text: what a time may look like when it lands.

Here belongs the one definition of a readable date and timestamp. Billing periods belong to `billing_assets.periods`.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone

# Outside these years a timestamp is a slip of the keyboard or a wrong unit (seconds read as milliseconds).
FIRST_YEAR, LAST_YEAR = 1900, 2999

DATE_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIMESTAMP_PATTERN = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
_DATE = re.compile(DATE_PATTERN)
_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)


def parse_date(text: str) -> date | str:
    """A calendar date written YYYY-MM-DD, or the reason why it is refused."""
    if not _DATE.fullmatch(text):
        return f"'{_short(text)}' is not a date (YYYY-MM-DD)"
    year = int(text[:4])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return f"{text} lies outside the years {FIRST_YEAR}-{LAST_YEAR}"
    try:
        return date.fromisoformat(text)
    except ValueError:
        return f"{text} is not a day of the calendar"


def parse_timestamp(text: str) -> datetime | str:  # noqa: PLR0911  (one return a reason)
    """A moment as an aware UTC datetime, or the reason why it is refused.

    Wanted: date, time to the second, at most six decimals of a second, and an offset or Z. Seven digits would
    have to be cut, and a time without zone could be any of 38 hours: both are refused, never guessed.
    """
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return f"'{_short(text)}' is not a timestamp (YYYY-MM-DDTHH:MM:SS[.ffffff] with offset or Z)"
    day_text, hour, minute, second, fraction, offset = match.groups()
    if offset is None:
        return f"{text} has no zone"
    if fraction and len(fraction) > 7:
        return f"{_short(text)} has more than 6 decimals of a second"
    day = parse_date(day_text)
    if isinstance(day, str):
        return day
    if second == "60":
        return f"{text} is a leap second"
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        return f"{text} is not a time of day"
    zone = UTC
    if offset not in "Zz":
        digits = offset[1:].replace(":", "")
        hours, minutes = int(digits[:2]), int(digits[2:])
        # RFC 3339 allows up to 23:59; no zone on earth is beyond 14 hours, but what is written is what is read.
        if hours > 23 or minutes > 59:
            return f"{text} has an offset that does not exist"
        shift = timedelta(hours=hours, minutes=minutes)
        zone = timezone(-shift if offset[0] == "-" else shift)
    microsecond = int(fraction[1:].ljust(6, "0")) if fraction else 0
    moment = datetime(day.year, day.month, day.day, int(hour), int(minute), int(second), microsecond, zone).astimezone(
        UTC
    )
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return f"{text} lies outside the years {FIRST_YEAR}-{LAST_YEAR}"
    return moment


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
