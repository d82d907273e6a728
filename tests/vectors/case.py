"""A vector as nights of one contract: what lands before each, and how its figures answer the vector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tests.vectors.nights import Figures, Row
from tests.vectors.terms import Usage
from tests.vectors.vector import Actual, Json, Vector

Read = Callable[[list[Figures]], Actual]
# One business day after each bill date; usage of a period that lands after its own is late.
DAYS = [date(2026, 2, 3), date(2026, 3, 3), date(2026, 4, 3), date(2026, 5, 3), date(2026, 6, 3), date(2026, 7, 3),
        date(2026, 8, 3), date(2026, 9, 3)]  # fmt: skip


@dataclass
class Night:
    """What lands before one night."""

    documents: list[Json] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)


@dataclass
class Case:
    """The nights of a vector's contract; `read` is given the figures after each of them."""

    contract_id: str
    nights: list[Night]
    read: Read


Build = Callable[[Vector, str], Case]


def total(lines: Iterable[Row]) -> Decimal:
    """What lines come to: zero where there is no document."""
    return sum((Decimal(line["amount"]) for line in lines), Decimal(0))
