"""Which team owns a control, read from the seed that the control catalogue and dbt read."""

from __future__ import annotations

import csv
from functools import cache

from billing_assets.settings import PROJECT_ROOT

_CATALOGUE = PROJECT_ROOT / "dbt_project" / "seeds" / "reference" / "control_catalogue.csv"


@cache
def _owners() -> dict[str, str]:
    with _CATALOGUE.open(newline="", encoding="utf-8") as file:
        return {row["control_id"]: row["owner"] for row in csv.DictReader(file)}


def owner_of(control_id: str) -> str | None:
    """The team that owns the control; None where the catalogue does not know it."""
    return _owners().get(control_id)
