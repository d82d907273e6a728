"""Generated vectors of the case table's ops, each with the figures an independent computation gives.

Fractions and datetime only: nothing here knows the macros. A generator takes a random source and returns the members of
a vector, with the `expected` it worked out itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.vectors.generated import calendar, credit, discounts, invoices, proration, rounding, seats
from tests.vectors.generated.figures import GENERATORS
from tests.vectors.vector import Vector

__all__ = ["GENERATORS", "calendar", "credit", "discounts", "generated", "invoices", "proration", "rounding", "seats"]


def generated(count: int, seed: int) -> list[Vector]:
    """`count` vectors of each op, the same for the same seed."""
    return [vector for op in GENERATORS for vector in _of(op, count, random.Random(f"{seed}/{op}"))]  # noqa: S311


def _of(op: str, count: int, rng: random.Random) -> Iterator[Vector]:
    for number in range(count):
        blank: dict[str, Any] = {
            "currency": "USD", "amount_unit": "major", "timezone": None, "price": None, "usage": [], "period": None,
            "rounding": None, "tolerance": None,
        }  # fmt: skip
        yield Vector(id=f"{op}/{number}", op=op, **blank | GENERATORS[op](rng))
