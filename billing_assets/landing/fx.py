"""Exchange rates: quote units for one unit of the base currency, on a date, of a kind, from a source.

Belongs here: the columns of fx/*.csv and their checks. Which rate converts what is decided in dbt.
"""

from collections.abc import Iterator
from typing import TextIO

from billing_assets.landing import delimited
from billing_assets.landing.columns import BadColumn, Columns
from billing_assets.landing.prices import Row
from billing_assets.landing.quarantine import Fault, cut

COLUMNS = ("rate_date", "base_currency", "quote_currency", "rate", "rate_type", "source")
# The columns by which a rate is known: a second rate for the same key is a conflict.
KEY = ("rate_date", "base_currency", "quote_currency", "rate_type", "rate_source")


def read(stream: TextIO) -> Iterator[tuple[int, Row | Fault]]:
    """Every row of a file as (line, Row) or (line, Fault). Raises delimited.MissingColumns."""
    for line, values in delimited.read(stream, COLUMNS):
        yield line, values if isinstance(values, Fault) else _row(values, line)


def _row(values: delimited.Record, line: int) -> Row | Fault:
    columns = Columns(values)
    try:
        return {
            "rate_date": columns.required_day("rate_date"),
            "base_currency": columns.currency("base_currency"),
            "quote_currency": columns.currency("quote_currency"),
            "rate": columns.required_number("rate", positive=True),
            "rate_type": columns.text("rate_type"),
            "rate_source": columns.text("source"),
        }
    except BadColumn as error:
        return Fault(error.code, error.reason, line, cut(values.original))
