"""A vector as nights of one contract: what lands before each, and how its figures answer the vector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tests.vectors.nights import Figures, Row
from tests.vectors.terms import YEAR, Usage
from tests.vectors.vector import Actual, Json, Vector

Read = Callable[[list[Figures]], Actual]


def business_date(night: int) -> date:
    """A day after each monthly bill date, counted from 0; usage of a period that lands after its own is late."""
    return date(YEAR + (night + 1) // 12, (night + 1) % 12 + 1, 3)


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
