"""Price vectors as data: the documented file form read into values, and what a route says about one.

A vector is a price configuration, inputs, and the figures its source expects. Numbers stay as the text the file has,
so nothing is rounded on the way in. docs/reference/vectors.md says what the fields mean.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

SCHEMA = "billing-vectors/1"
Json = dict[str, Any]
# Figures with the keys of `expected`: decimals or their text, lists and objects of them.
Actual = dict[str, Any]


class BrokenVectors(Exception):
    """A vector file that is not of the documented form: names the file and what is wrong with it."""


@dataclass(frozen=True)
class Vector:
    """One vector of a file, as it stands there."""

    id: str
    op: str
    currency: str | None
    amount_unit: str | None
    timezone: str | None
    price: Json | None
    usage: list[Json]
    inputs: Json
    period: Json | None
    expected: Json
    rounding: Json | None
    tolerance: Any
    notes: str = ""
    category: str = ""
    source: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Inexpressible:
    """No contract says what this vector asks for; `reason` names the missing term."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """The route could not compute this vector at all; `reason` says why. Counts as a failure."""

    reason: str


Outcome = Actual | Inexpressible | Failed


def read_folder(folder: Path) -> list[Vector]:
    """Every vector of every `*.json` file of a folder, by file name. Raises BrokenVectors."""
    paths = sorted(folder.rglob("*.json"))
    if not paths:
        raise BrokenVectors(f"{folder}: no vector files (*.json)")
    found = [vector for path in paths for vector in read_file(path)]
    seen: set[str] = set()
    for vector in found:
        if vector.id in seen:
            raise BrokenVectors(f"{folder}: two vectors have the id {vector.id}")
        seen.add(vector.id)
    return found


def read_file(path: Path) -> list[Vector]:
    """The vectors of one file. Raises BrokenVectors."""
    try:
        # Numbers are decimal strings; one written as a JSON number keeps its digits.
        document = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise BrokenVectors(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BrokenVectors(f"{path}: not a file of schema {SCHEMA}")
    vectors = document.get("vectors")
    if not isinstance(vectors, list):
        raise BrokenVectors(f"{path}: no list of vectors")
    return [_vector(path, place, row, str(document.get("category", ""))) for place, row in enumerate(vectors)]


def _vector(path: Path, place: int, row: Any, category: str) -> Vector:
    if not isinstance(row, dict):
        raise BrokenVectors(f"{path}: vector {place} is not an object")
    for name, kind in (("id", str), ("op", str), ("expected", dict)):
        if not isinstance(row.get(name), kind):
            raise BrokenVectors(f"{path}: vector {place} ({row.get('id', 'no id')}): no {name}")
    return Vector(
        id=row["id"],
        op=row["op"],
        currency=row.get("currency"),
        amount_unit=row.get("amount_unit"),
        timezone=row.get("timezone"),
        price=row.get("price") or None,
        usage=row.get("usage") or [],
        inputs=row.get("inputs") or {},
        period=row.get("period") or None,
        expected=row["expected"],
        rounding=row.get("rounding"),
        tolerance=row.get("tolerance"),
        notes=row.get("notes") or "",
        category=row.get("category") or category,
        source=row.get("source") or {},
    )
