"""The properties of events: their one canonical text, and what rules read from it.

Each distinct text is looked at once, however many events carry it. No event is judged here.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from billing_assets.landing import strict_json
from billing_assets.landing.numbers import parse_decimal
from billing_assets.metering.rules import MeterRules

EMPTY = "{}"
_read_texts = msgspec.json.Decoder(dict[str, str]).decode


def canonical(text: str | None) -> tuple[str | None, str | None]:
    """The canonical text (names sorted, every value a text, null = absent) and the fault 'code reason', if any."""
    if text is None:
        return EMPTY, None
    try:
        value = strict_json.loads(text)
    except strict_json.NotJson as error:
        return None, f"json properties: {error}"
    if not isinstance(value, dict):
        return None, "json properties are not an object"
    nested = sorted(name for name, item in value.items() if isinstance(item, dict | list))
    if nested:
        return None, f"nested property {nested[0]} holds a list or an object"
    texts = {name: _scalar_text(item) for name, item in value.items() if item is not None}
    return _written(texts), None


def texts_of(canonical_text: str) -> dict[str, str]:
    """The properties of a canonical text."""
    return _read_texts(canonical_text)


def dimensions_text(properties: dict[str, str], kept: Iterable[str]) -> str:
    """Canonical text of those properties that roll-ups keep apart."""
    return _written({name: properties[name] for name in kept if name in properties})


def unreadable(properties: dict[str, str], read: Iterable[str]) -> str | None:
    """Why a property that a charge aggregates is no number, or None. An absent property is simply not counted."""
    for name in sorted(read):
        if name in properties:
            value = parse_decimal(properties[name])
            if isinstance(value, str):
                return f"property {name}: {value}"
    return None


def readings(pairs: Iterable[tuple[str, str]], rules: MeterRules) -> Iterator[tuple[str, str, str, Decimal]]:
    """(meter, properties, measure, value) for each numeric property that is read and present."""
    for meter, text in pairs:
        names = rules.readings_of(meter)
        if names:
            properties = texts_of(text)
            for name in sorted(names & properties.keys()):
                value = parse_decimal(properties[name])
                if isinstance(value, Decimal):
                    yield meter, text, name, value


def _scalar_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _written(texts: dict[str, str]) -> str:
    return msgspec.json.encode(dict(sorted(texts.items()))).decode()
