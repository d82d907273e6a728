"""Renders the money macros without dbt, so that their arithmetic is tested in milliseconds."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import cast

from jinja2 import Environment

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros" / "money"


def money_macros() -> ModuleType:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(MACROS.glob("*.sql")))
    return cast(ModuleType, Environment(autoescape=False).from_string(source).module)  # noqa: S701 - SQL, not HTML
