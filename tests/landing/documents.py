"""Contract documents for tests: a smallest whole one, and ways to change one term of it."""

import copy
import json
from typing import Any

SMALLEST: dict[str, Any] = {
    "contract_id": "C-1",
    "version": 1,
    "effective_from": "2026-01-01",
    "account": {"account_id": "A-1", "currency": "USD", "organizations": ["org-1"]},
    "channel": "direct",
    "selling_entity": "US01",
    "currency": "USD",
    "timezone": "Europe/Berlin",
    "starts_on": "2026-01-01",
    "ends_on": None,
    "billing": {"frequency": "monthly"},
    "charges": [
        {
            "charge_id": "tokens",
            "type": "usage",
            "meter": "tokens",
            "price": {"model": "unit", "unit_price": "2.5", "per": 1000000},
        }
    ],
}


def document(path: str = "", value: object = None) -> dict[str, Any]:
    """The smallest document with the term at a path ('charges.0.price.model') set to a value."""
    changed = copy.deepcopy(SMALLEST)
    if path:
        place: Any = changed
        *steps, last = path.split(".")
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        place[int(last) if isinstance(place, list) else last] = value
    return changed


def text(path: str = "", value: object = None) -> str:
    return json.dumps(document(path, value))
