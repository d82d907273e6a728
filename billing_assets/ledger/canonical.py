"""One text for one value: canonical JSON, decimal text, hashes. Everything the chain covers goes through here.

Canonical JSON: keys sorted, no blanks, UTF-8, only text, whole numbers, booleans, null, lists and objects. Money and
quantity are decimal text and dates ISO text before they come here; a float is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]
Stored = str | int | None
Row = dict[str, Stored]

# DECIMAL(38,12), the type every amount and quantity has in the warehouse.
_PLACES = 12
_WHOLE_DIGITS = 26

# What the first entry and the first root go on from.
GENESIS = "0" * 64

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Json) -> str:
    """The one text of `value`. Raises TypeError for anything that has no single text (floats, dates, sets)."""
    _check(value)
    return _ENCODER.encode(value).decode()


def _check(value: object) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, list):
        for item in value:
            _check(item)
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"canonical JSON keys are text, not {type(key).__name__}")
            _check(item)
        return
    raise TypeError(f"canonical JSON holds no {type(value).__name__}: {value!r}")


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def row_hash(row: Mapping[str, object]) -> str:
    """Hash of one stored row. Nulls are left out, so that a later nullable column leaves old hashes as they are."""
    return hashlib.sha256(
        _ENCODER.encode({name: _stored(value) for name, value in row.items() if value is not None})
    ).hexdigest()


def row_key(values: list[object]) -> str:
    """The primary key of a row as text."""
    return _ENCODER.encode([_stored(value) for value in values]).decode()


def trusted_json(value: object) -> str:
    """Canonical JSON, unchecked: for large values that the ledger itself built from text and whole numbers."""
    return _ENCODER.encode(value).decode()


def _stored(value: object) -> object:
    """Text and whole numbers stand for themselves. What else a tampered row may hold must hash, and otherwise."""
    return value if type(value) in (str, int) else [type(value).__name__, repr(value)]


def decimal_text(value: Decimal) -> str:
    """The one text of a decimal by value: no exponent, no trailing zeros, zero unsigned.

    Raises TypeError for anything but Decimal, ValueError where DECIMAL(38,12) would not hold the value exactly.
    """
    if not isinstance(value, Decimal):
        raise TypeError(f"amounts and quantities are Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise ValueError(f"{value} is no amount")
    if value == 0:
        return "0"
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(fraction) > _PLACES or len(whole.lstrip("0")) > _WHOLE_DIGITS:
        raise ValueError(f"{value} does not fit DECIMAL(38,12)")
    return text


def optional_decimal(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def optional_day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
