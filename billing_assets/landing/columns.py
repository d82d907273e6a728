"""Typed access to the columns of one delimited row, with the column's name in every complaint.

Belongs here: what a cell may look like. Which columns a source has belongs to its module. A blank cell is null.
"""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal

from billing_assets.landing.numbers import parse_decimal, plain
from billing_assets.landing.times import parse_date
from billing_assets.money import exponent


class BadColumn(Exception):
    """A cell that cannot be taken as written: `code` is the quarantine code."""

    def __init__(self, code: str, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.code = code
        self.reason = f"{column}: {reason}"


class Columns:
    """The cells of one row by column name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        value = self._values[name]
        return value if value.strip() else None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise BadColumn("field", name, "missing")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str:
        value = self.required(name)
        if value not in allowed:
            raise BadColumn("field", name, f"'{value}' is none of {', '.join(sorted(allowed))}")
        return value

    def currency(self, name: str) -> str:
        value = self.required(name)
        try:
            exponent(value)
        except KeyError:
            raise BadColumn("field", name, f"'{value}' is no ISO 4217 currency") from None
        return value

    def number(self, name: str, *, positive: bool = False, at_least: int | None = None) -> Decimal | None:
        text = self._values[name]
        if text == "":
            return None
        value = parse_decimal(text)
        if isinstance(value, str):
            raise BadColumn("number", name, value)
        if positive and value <= 0:
            raise BadColumn("number", name, f"{plain(value)} is not above zero")
        if at_least is not None and value < at_least:
            raise BadColumn("number", name, f"{plain(value)} is below {at_least}")
        return value

    def required_number(self, name: str, *, positive: bool = False) -> Decimal:
        value = self.number(name, positive=positive)
        if value is None:
            raise BadColumn("field", name, "missing")
        return value

    def day(self, name: str) -> date | None:
        text = self.text(name)
        if text is None:
            return None
        value = parse_date(text)
        if isinstance(value, str):
            raise BadColumn("time", name, value)
        return value

    def required_day(self, name: str) -> date:
        value = self.day(name)
        if value is None:
            raise BadColumn("field", name, "missing")
        return value
