"""What an explanation is made of: facts in words or rows, and how figures and rows are read for them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

Row = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """One thing that is known of a line: what it is about, said in a sentence, in rows, or both."""

    label: str
    text: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def plain(value: Decimal | None) -> str:
    """A decimal without the padding of its scale, at least two places for what has a fraction."""
    if value is None:
        return ""
    text = f"{value:f}"
    if "." not in text:
        return text
    whole, fraction = text.split(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}" if fraction.strip("0") else f"{whole}.00"


def rows(connection: duckdb.DuckDBPyConnection, query: str, *values: Any) -> list[Row]:
    """All rows of a query whose parameters are $1, $2 ..."""
    result = connection.execute(query, {str(i): value for i, value in enumerate(values, start=1)})
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def one(connection: duckdb.DuckDBPyConnection, query: str, *values: Any) -> Row | None:
    """The first row of a query, or None."""
    found = rows(connection, query, *values)
    return found[0] if found else None
