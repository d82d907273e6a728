"""The case table: vectors that are the arithmetic of one rule, computed by the platform's own macros in one dbt run.

A vector becomes one row (its objects as JSON text); one model per family of rules reads the rows and calls the macros
of dbt_project/macros. No figure is computed in Python.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from tests.vectors.cases.resources import build
from tests.vectors.cases.shapes import fault
from tests.vectors.vector import Failed, Inexpressible, Outcome, Vector

CURRENCIES = Path(__file__).parents[3] / "dbt_project" / "seeds" / "reference" / "currencies.csv"
_COLUMNS = (
    "case_id", "op", "currency", "amount_unit", "timezone", "price", "usage", "inputs", "period_from", "period_to",
    "rounding_mode", "rounding_places", "rounding_stage", "units_places",
)  # fmt: skip


def run(vectors: Sequence[Vector]) -> dict[str, Outcome]:
    """Every vector's figures by id, or why no rule here says what it asks for. One dbt run for all of them."""
    faults = {vector.id: reason for vector in vectors if (reason := fault(vector))}
    stated = [vector for vector in vectors if vector.id not in faults]
    figures = compute(stated) if stated else {}
    outcomes: dict[str, Outcome] = {vector_id: Inexpressible(reason) for vector_id, reason in faults.items()}
    for vector in stated:
        outcomes[vector.id] = _outcome(vector, figures.get(vector.id))
    return outcomes


def compute(vectors: Sequence[Vector]) -> dict[str, dict[str, Any]]:
    """Every figure the rules give for each vector, by id."""
    with tempfile.TemporaryDirectory(prefix="cases-") as scratch:
        warehouse = Path(scratch) / "warehouse.duckdb"
        _load(warehouse, vectors)
        build(warehouse)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            rows = connection.execute("select case_id, figures from cases.figures").fetchall()
    return {case_id: json.loads(figures) for case_id, figures in rows}


def _outcome(vector: Vector, figures: dict[str, Any] | None) -> Outcome:
    if figures is None:
        return Failed(f"no model gives a row for a case of {vector.op}")
    missing = [name for name in vector.expected if figures.get(name) is None]
    if missing:
        return Inexpressible(f"no rule of {vector.op} gives a figure called {', '.join(missing)}")
    return {name: figures[name] for name in vector.expected}


def _load(warehouse: Path, vectors: Sequence[Vector]) -> None:
    rows = [_row(vector) for vector in vectors]
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'; create schema raw")
        connection.execute(f"create table raw.cases ({', '.join(f'{name} varchar' for name in _COLUMNS)})")
        connection.executemany(f"insert into raw.cases values ({', '.join('?' * len(_COLUMNS))})", rows)
        connection.execute("create table raw.currencies as select * from read_csv(?)", [str(CURRENCIES)])


def _row(vector: Vector) -> list[str | None]:
    period, rounding = vector.period or {}, vector.rounding or {}
    return [
        vector.id,
        vector.op,
        vector.currency,
        vector.amount_unit,
        vector.timezone,
        _json(vector.price) if vector.price else None,
        _json(vector.usage),
        _json(vector.inputs),
        period.get("from"),
        period.get("to"),
        rounding.get("mode"),
        _text(rounding.get("places")),
        rounding.get("stage"),
        _text(rounding.get("units_places")),
    ]


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
