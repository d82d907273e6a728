"""Whether what a route computed is what a vector expects: every key given, figures exactly, lists in order."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from tests.vectors.vector import Actual, Json


def difference(expected: Json, actual: Actual, tolerance: Any = None) -> str | None:
    """None when they agree, else where they first do not. `tolerance` is absolute, in the unit of the figure."""
    return _difference("", expected, actual, tolerance)


def _difference(where: str, expected: Any, actual: Any, tolerance: Any) -> str | None:
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{where or 'result'}: an object was expected"
        return _first(
            f"{where}{key}: missing" if key not in actual else _difference(f"{where}{key}.", value, actual[key], _of(
                tolerance, key))
            for key, value in expected.items()
        )  # fmt: skip
    if isinstance(expected, list):
        if not isinstance(actual, list | tuple) or len(actual) != len(expected):
            return f"{where.rstrip('.')}: expected {len(expected)} entries, got {actual}"
        return _first(
            _difference(f"{where}{place}.", left, right, tolerance)
            for place, (left, right) in enumerate(zip(expected, actual, strict=True))
        )
    if _equal(expected, actual, tolerance):
        return None
    return f"{where.rstrip('.')}: expected {expected}, got {actual}"


def _first(found: Any) -> str | None:
    return next((text for text in found if text), None)


def _of(tolerance: Any, key: str) -> Any:
    return tolerance.get(key) if isinstance(tolerance, dict) else tolerance


def _equal(expected: Any, actual: Any, tolerance: Any) -> bool:
    if expected is None or actual is None or isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    left, right = _number(expected), _number(actual)
    if left is None or right is None:
        return str(expected) == str(actual)
    return abs(left - right) <= (_number(tolerance) or Decimal(0))


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None
