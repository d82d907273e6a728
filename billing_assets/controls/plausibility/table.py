"""The table of plausibility checks as typed values, read from the same seed that dbt reads.

Belongs here: what each check looks at and expects, in words people read too. Not here: how rows are gathered
(`frames`) and how they are judged (`suite`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from billing_assets.controls.catalogue import Severity
from billing_assets.settings import PROJECT_ROOT

# A list longer than that is named, not printed; it stands in the table.
_WORDS_SHOWN = 40

CHECKS_PATH = PROJECT_ROOT / "dbt_project" / "seeds" / "reference" / "plausibility_checks.csv"


class Kind(StrEnum):
    """What a check asks, by the control it answers to."""

    VOCABULARY = "PLA-01"
    RANGE = "PLA-02"
    COMPLETENESS = "PLA-03"
    VOLUME = "PLA-04"
    DRIFT = "PLA-05"


@dataclass(frozen=True)
class Check:
    """One check. `words` are the values known; `low` and `high` bound a value, a share of nulls, a multiple of the
    usual or a number of columns, as the control says. `only_rows` is a condition on the rows judged, empty = all."""

    check_id: str
    control_id: Kind
    severity: Severity
    source: str
    table_name: str
    column_name: str
    only_rows: str
    words: tuple[str, ...]
    low: float | None
    high: float | None
    description: str

    @property
    def expected(self) -> str:
        """The expectation in words."""
        match self.control_id:
            case Kind.VOCABULARY if len(self.words) > _WORDS_SHOWN:
                return f"one of {len(self.words)} known values"
            case Kind.VOCABULARY:
                return ", ".join(self.words)
            case Kind.RANGE:
                return f"{_bound(self.low, 'anything')} to {_bound(self.high, 'anything')}"
            case Kind.COMPLETENESS:
                return f"at most {_bound(100 * (self.high or 0))} % empty" if self.high else "never empty"
            case Kind.VOLUME:
                return f"{_bound(self.low)} to {_bound(self.high)} times the usual"
            case Kind.DRIFT:
                return "none"


def _bound(value: float | None, without: str = "") -> str:
    return without if value is None else f"{value:,.12g}"


@cache
def load_checks(path: Path = CHECKS_PATH) -> tuple[Check, ...]:
    """Every check in the order of the table. Raises ValueError for an unknown control or severity, or a repeated id."""
    with path.open(newline="", encoding="utf-8") as file:
        checks = tuple(_check(row) for row in csv.DictReader(file))
    ids = [check.check_id for check in checks]
    if len(ids) != len(set(ids)):
        raise ValueError(f"a check stands twice in {path.name}")
    return checks


def _check(row: dict[str, str]) -> Check:
    return Check(
        check_id=row["check_id"],
        control_id=Kind(row["control_id"]),
        severity=Severity(row["severity"]),
        source=row["source"],
        table_name=row["table_name"],
        column_name=row["column_name"],
        only_rows=row["only_rows"],
        words=tuple(row["words"].split("|")) if row["words"] else (),
        low=float(row["low"]) if row["low"] else None,
        high=float(row["high"]) if row["high"] else None,
        description=row["description"],
    )
