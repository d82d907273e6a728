"""Price vectors as data: the documented file form read into values, and what a route says about one.

A vector is a price configuration, inputs, and the figures its source expects. Numbers stay as the text the file has,
so nothing is rounded on the way in. docs/reference/vectors.md says what the fields mean.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

SCHEMA = "billing-vectors/1"
Json = dict[str, Any]
_KINDS = {"id": str, "op": str, "expected": dict, "price": dict, "usage": list, "inputs": dict, "period": dict,
          "rounding": dict}  # fmt: skip
_NEEDED = ("id", "op", "expected")
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
    fault: str = ""  # why it cannot be read at all


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
    """Every vector of every `*.json` file of a folder, by file name; what is broken is a vector with a `fault`.

    Raises BrokenVectors where there is nothing to read.
    """
    paths = sorted(folder.rglob("*.json"))
    found = [vector for path in paths for vector in read_file(path)]
    if not found:
        raise BrokenVectors(f"{folder}: no vectors (files *.json of schema {SCHEMA})")
    seen: set[str] = set()
    for place, vector in enumerate(found):
        if vector.id in seen:
            found[place] = replace(vector, id=f"{vector.id} again ({place})", fault=f"the id {vector.id} stands twice")
        seen.add(vector.id)
    return found


def read_file(path: Path) -> list[Vector]:
    """The vectors of one file; a file that cannot be read is one vector with a `fault` that names it."""
    try:
        # Numbers are decimal strings; one written as a JSON number keeps its digits.
        document = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        return [_broken(path.name, f"{path}: not readable as JSON: {error}")]
    if _is_report(document):
        return []
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return [_broken(path.name, f"{path}: not a file of schema {SCHEMA}")]
    vectors = document.get("vectors")
    if not isinstance(vectors, list):
        return [_broken(path.name, f"{path}: no list of vectors")]
    return [_vector(path, place, row, str(document.get("category", ""))) for place, row in enumerate(vectors)]


def _is_report(document: Any) -> bool:
    """A report of the harness that was written into the folder itself."""
    return isinstance(document, list) and all(isinstance(row, dict) and "status" in row for row in document)


def _broken(name: str, fault: str, op: str = "unreadable") -> Vector:
    return Vector(name, op, None, None, None, None, [], {}, None, {}, None, None, fault=fault)


def _vector(path: Path, place: int, row: Any, category: str) -> Vector:
    name = f"{path.name} vector {place}"
    if not isinstance(row, dict):
        return _broken(name, f"{path}: vector {place} is not an object")
    if isinstance(row.get("id"), str):
        name = row["id"]
    op = row["op"] if isinstance(row.get("op"), str) else "unreadable"
    for field_name, kind in _KINDS.items():
        value = row.get(field_name)
        if not isinstance(value, kind) and not (value is None and field_name not in _NEEDED):
            return _broken(name, f"{path}: vector {place} ({name}): {field_name} is missing or of another kind", op)
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
