"""JSON without surprises: numbers stay text, a name stands once, and nothing outside the standard is taken.

Belongs here: reading and canonically writing JSON. What the values mean belongs to the modules of the sources.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from billing_assets.landing.numbers import plain

# One encoder for all: making one a call is most of the cost of a small text.
_text = json.JSONEncoder(ensure_ascii=False).encode


class JsonNumber(str):
    """The text of a JSON number as it was written. Never a float, so no digit is lost before it is judged."""

    __slots__ = ()


class NotJson(ValueError):
    """The text is not JSON; the message says why in words for people."""


def loads(text: str) -> Any:
    """The value of a JSON text: dict, list, str, bool, None or JsonNumber. Raises NotJson."""
    try:
        value = json.loads(
            text,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise NotJson(f"not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None
    # An escaped half of a surrogate pair is no character; no database stores it.
    if "\\u" in text:
        try:
            canonical(value).encode()
        except UnicodeEncodeError:
            raise NotJson("not JSON: an escaped character that does not exist (lone surrogate)") from None
    return value


def canonical(value: Any) -> str:
    """The one text of a value: names sorted, no blanks, numbers as written, decimals as plain text in quotes."""
    if isinstance(value, JsonNumber):
        return str(value)
    if isinstance(value, Decimal):
        return _text(plain(value))
    if isinstance(value, Mapping):
        inner = (f"{_text(name)}:{canonical(value[name])}" for name in sorted(value))
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    if value is None or isinstance(value, str | bool | int):
        return _text(value)
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def canonical_hash(value: Any) -> str:
    """sha256 of the canonical text."""
    return sha256(canonical(value).encode()).hexdigest()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f"the field '{twice}' stands twice in one object")
    return value


def _refuse_constant(constant: str) -> None:
    raise NotJson(f"not JSON: {constant} is no number")
