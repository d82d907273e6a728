"""Cells of the AWS Marketplace feeds: what each cell type may look like, read exactly.

`read` is the definition. `plain` is the same in SQL for the spellings nearly every cell has: it gives null for any
other, and `read` decides about those. A blank cell is null, and so is the text null that AWS writes here and there.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from billing_assets.landing.numbers import parse_decimal
from billing_assets.landing.times import DATE_PATTERN, FIRST_YEAR, LAST_YEAR, parse_date, parse_timestamp

# AWS writes an end that never comes as 9999-01-01.
OPEN_YEAR = 9999
_NULL = "null"
_BLANKS = " \t\n\r\f\v"
ACCOUNT_DIGITS = 12

_DATE = re.compile(DATE_PATTERN)
_ZONE = re.compile(r"([Zz]|[+-][0-9]{2}:?[0-9]{2})$")
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_DIGITS = re.compile(r"[0-9]+")
# What a spreadsheet makes of an account number: its digits are lost, so it names nobody.
_SPREADSHEET_NUMBER = re.compile(r"[+-]?[0-9.,]+([eE][+-]?[0-9]+)?")


class BadCell(Exception):
    """A cell that is not of its column's type: `code` is the quarantine code."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def cleaned(text: str) -> str | None:
    """The text of a cell, or None where it says nothing."""
    return None if text == _NULL or not text.strip(_BLANKS) else text


def read(kind: str, text: str) -> Any:
    """The value of a cell that is not blank. Times are UTC without a zone. Raises BadCell."""
    return _READERS[kind](text)


def _agreement(text: str) -> str:
    return "agmt-" + text.removeprefix("agmnt-") if text.startswith("agmnt-") else text


def _account(text: str) -> str:
    if _DIGITS.fullmatch(text):
        return text.zfill(ACCOUNT_DIGITS)[-ACCOUNT_DIGITS:]
    if _SPREADSHEET_NUMBER.fullmatch(text):
        raise BadCell("number", f"'{text}' is an account number whose digits were lost")
    return text


def _number(text: str) -> Decimal:
    value = parse_decimal(text)
    if isinstance(value, str):
        raise BadCell("number", value)
    return value


def _grouped(text: str) -> Decimal:
    # AWS's own example of an agreement's value is '1,000', against its own rules.
    return _number(text.replace(",", "") if _GROUPED.fullmatch(text) else text)


def _whole(text: str) -> int:
    value = _number(text)
    if value != int(value):
        raise BadCell("number", f"{text} is not a whole number")
    return int(value)


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true"):
        return True
    if text.lower() in ("0", "false"):
        return False
    raise BadCell("field", f"'{text[:60]}' is neither 0 nor 1")


def _date(text: str) -> date:
    moment = _time(text)
    if moment.time() != time():
        raise BadCell("time", f"'{text}' is a time, not a date")
    return moment.date()


def _time(text: str) -> datetime:
    """A moment in either of AWS's spellings, or a date alone: its midnight. Without a zone it is UTC, as AWS says."""
    if text.startswith(f"{OPEN_YEAR}-"):
        return _time(f"{LAST_YEAR}{text[4:]}").replace(year=OPEN_YEAR)
    if _DATE.fullmatch(text):
        day = parse_date(text)
        if isinstance(day, str):
            raise BadCell("time", day)
        return datetime.combine(day, time())
    spelled = text.removesuffix(" UTC")
    moment = parse_timestamp(spelled if _ZONE.search(spelled) else spelled + "Z")
    if isinstance(moment, str):
        raise BadCell("time", moment)
    return moment.replace(tzinfo=None)


_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "agreement": _agreement,
    "account": _account,
    "number": _number,
    "grouped": _grouped,
    "whole": _whole,
    "flag": _flag,
    "date": _date,
    "time": _time,
}

_TIME_OF_DAY = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?Z?"
# Two spellings of a number that fit 18 digits, because a cast to 38 digits costs 30 times as much.
_SMALL_NUMBER = "-?[0-9]{1,6}(\\.[0-9]{1,12})?"
_LARGE_NUMBER = "-?[0-9]{1,15}(\\.[0-9]{1,3})?"


def cleaned_sql(column: str) -> str:
    """`cleaned` in SQL. A blank text sorts before '!': only such texts are looked at more closely."""
    return (
        f"case when {column} >= '!' then nullif({column}, '{_NULL}')"
        f" when regexp_full_match({column}, '[ \\t\\n\\r\\f\\v]*') then null else {column} end"
    )


def plain_sql(kind: str, column: str) -> str:  # noqa: PLR0911  (one return a kind)
    """The value of a cleaned column in the column type of its kind; null where `read` has to look."""
    if kind == "text":
        return column
    if kind == "agreement":
        return f"case when starts_with({column}, 'agmnt-') then 'agmt-' || {column}[7:] else {column} end"
    if kind == "account":
        padded = f"right(repeat('0', {ACCOUNT_DIGITS}) || {column}, {ACCOUNT_DIGITS})"
        return f"case when regexp_full_match({column}, '[0-9]+') then {padded} end"
    if kind == "whole":
        return f"case when regexp_full_match({column}, '[0-9]{{1,15}}') then try_cast({column} as bigint) end"
    if kind == "flag":
        return f"case {column} when '1' then true when '0' then false end"
    if kind in ("date", "time"):
        pattern = DATE_PATTERN if kind == "date" else f"{DATE_PATTERN}[T ]{_TIME_OF_DAY}"
        sql_type = "date" if kind == "date" else "timestamp"
        # The cast alone would take an hour 24, and words.
        return (
            f"case when {column} >= '{FIRST_YEAR}' and ({column} < '{LAST_YEAR + 1}' or {column} >= '{OPEN_YEAR}')"
            f" and regexp_full_match({column}, '{pattern}') then try_cast({column} as {sql_type}) end"
        )
    return (
        f"case when regexp_full_match({column}, '{_SMALL_NUMBER}')"
        f" then cast(try_cast({column} as decimal(18,12)) as decimal(38,12))"
        f" when regexp_full_match({column}, '{_LARGE_NUMBER}')"
        f" then cast(try_cast({column} as decimal(18,3)) as decimal(38,12)) end"
    )
