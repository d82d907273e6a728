"""Reading a JSON object field by field: every field is asked for once, and whatever nobody asked for is known.

Belongs here: typed access with the path of the field in every complaint. Which fields a contract has is in
`contracts`.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing_assets.landing.numbers import parse_decimal, plain
from billing_assets.landing.strict_json import JsonNumber
from billing_assets.landing.times import DATE_PATTERN, parse_date, parse_timestamp

# An INTEGER column; no term of a contract comes near it.
_LARGEST_INTEGER = 2**31 - 1
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_ONLY_DATE = re.compile(DATE_PATTERN)


class BadTerm(Exception):
    """A term that cannot be taken as written: `code` is the quarantine code, the message names the field."""

    def __init__(self, code: str, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.code = code
        self.reason = f"{path}: {reason}"


class Terms:
    """One JSON object of a document. Absent and null are the same: the document is silent."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise BadTerm("field", path or "document", f"{_name(value)} where an object is expected")
        self._value: Mapping[str, Any] = value
        self._asked: set[str] = set()
        self._children: list[Terms] = []
        self._path = path

    def at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def raw(self, name: str) -> Any:
        self._asked.add(name)
        return self._value.get(name)

    def has(self, name: str) -> bool:
        return self.raw(name) is not None

    def value(self) -> Mapping[str, Any]:
        """The object as it was written."""
        return self._value

    def names(self) -> list[str]:
        return list(self._value)

    def bad(self, name: str, reason: str, code: str = "field") -> BadTerm:
        return BadTerm(code, self.at(name), reason)

    def _present(self, name: str, value: object) -> None:
        if value is None:
            raise self.bad(name, "missing")

    def text(self, name: str) -> str | None:
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, JsonNumber) or not isinstance(value, str):
            raise self.bad(name, f"{_name(value)} where a text is expected")
        if "\0" in value:
            raise self.bad(name, "a NUL character")
        return str(value)

    def required_text(self, name: str) -> str:
        value = self.text(name)
        self._present(name, value)
        assert value is not None  # noqa: S101
        if not value.strip():
            raise self.bad(name, "blank")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise self.bad(name, f"'{value}' is none of {', '.join(sorted(allowed))}")
        return value

    def required_choice(self, name: str, allowed: Collection[str]) -> str:
        value = self.choice(name, allowed)
        self._present(name, value)
        assert value is not None  # noqa: S101
        return value

    def number(self, name: str, *, positive: bool = False, at_least: int | None = None) -> Decimal | None:
        value = self.raw(name)
        if value is None:
            return None
        return number_of(value, self.at(name), positive=positive, at_least=at_least)

    def required_number(self, name: str, *, positive: bool = False, at_least: int | None = None) -> Decimal:
        value = self.number(name, positive=positive, at_least=at_least)
        self._present(name, value)
        assert value is not None  # noqa: S101
        return value

    def integer(self, name: str, *, at_least: int | None = None, at_most: int | None = None) -> int | None:
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, str) or not _INTEGER.fullmatch(value):
            raise self.bad(name, f"{_name(value)} where a whole number is expected", "number")
        whole = int(value)
        if abs(whole) > _LARGEST_INTEGER:
            raise self.bad(name, f"{whole} is out of range", "number")
        if (at_least is not None and whole < at_least) or (at_most is not None and whole > at_most):
            limits = f"at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
            raise self.bad(name, f"{whole} is not {limits}", "number")
        return whole

    def flag(self, name: str) -> bool | None:
        value = self.raw(name)
        if value is not None and not isinstance(value, bool):
            raise self.bad(name, f"{_name(value)} where true or false is expected")
        return value

    def day(self, name: str) -> date | None:
        text = self.text(name)
        if text is None:
            return None
        parsed = parse_date(text)
        if isinstance(parsed, str):
            raise self.bad(name, parsed, "time")
        return parsed

    def required_day(self, name: str) -> date:
        value = self.day(name)
        self._present(name, value)
        assert value is not None  # noqa: S101
        return value

    def moment(self, name: str, zone: str | None = None) -> datetime | None:
        """A timestamp with offset as naive UTC. A bare date is the start of that day in `zone` (null: UTC)."""
        text = self.text(name)
        if text is None:
            return None
        if _ONLY_DATE.fullmatch(text):
            day = self.day(name)
            assert day is not None  # noqa: S101
            local = datetime.combine(day, time(), ZoneInfo(zone or "UTC"))
            return local.astimezone(UTC).replace(tzinfo=None)
        parsed = parse_timestamp(text)
        if isinstance(parsed, str):
            raise self.bad(name, parsed, "time")
        return parsed.replace(tzinfo=None)

    def items(self, name: str) -> list[Any]:
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.bad(name, f"{_name(value)} where a list is expected")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of distinct texts."""
        values: list[str] = []
        for i, value in enumerate(self.items(name)):
            if isinstance(value, JsonNumber) or not isinstance(value, str) or not value.strip():
                raise self.bad(f"{name}[{i}]", f"{_name(value)} where a text is expected")
            if value in values:
                raise self.bad(f"{name}[{i}]", f"'{value}' stands twice")
            values.append(value)
        return values

    def child(self, name: str) -> "Terms":
        """The object under a name; an empty one where the document is silent."""
        value = self.raw(name)
        child = Terms({} if value is None else value, self.at(name))
        self._children.append(child)
        return child

    def children(self, name: str) -> list["Terms"]:
        children = [Terms(value, self.at(f"{name}[{i}]")) for i, value in enumerate(self.items(name))]
        self._children.extend(children)
        return children

    def unknown(self) -> list[str]:
        """Paths of the fields nobody asked for, here and below; null says nothing, whatever its name."""
        paths = [self.at(name) for name, value in self._value.items() if name not in self._asked and value is not None]
        for child in self._children:
            paths.extend(child.unknown())
        return sorted(paths)

    def refuse_unknown(self) -> None:
        """Raise where a field was not asked for: for prices, where overlooking one changes a figure."""
        unknown = self.unknown()
        if unknown:
            raise BadTerm("field", unknown[0], "not a field that this price has")


def number_of(value: object, path: str, *, positive: bool = False, at_least: int | None = None) -> Decimal:
    """A decimal from a JSON number or text. Raises BadTerm."""
    if not isinstance(value, str):
        raise BadTerm("number", path, f"{_name(value)} where a number is expected")
    parsed = parse_decimal(value)
    if isinstance(parsed, str):
        raise BadTerm("number", path, parsed)
    if positive and parsed <= 0:
        raise BadTerm("number", path, f"{plain(parsed)} is not above zero")
    if at_least is not None and parsed < at_least:
        raise BadTerm("number", path, f"{plain(parsed)} is below {at_least}")
    return parsed


def scalar_text(value: object, path: str) -> str:
    """A property value as text, as metering keeps it: "x" -> x, 5 -> 5, true -> true. Raises BadTerm."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    raise BadTerm("field", path, f"{_name(value)} where a text, number or true/false is expected")


def _name(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, JsonNumber):
        return f"the number {value[:40]}"
    if isinstance(value, str):
        return f"'{value[:40]}'"
    return "a list" if isinstance(value, list) else "an object"
