"""The control catalogue as typed values, read from the same seed that dbt reads.

Belongs here: what each control asserts, blocks and asks of whom. Not here: how it is computed (its dbt model).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from billing_assets.settings import PROJECT_ROOT

CATALOGUE_PATH = PROJECT_ROOT / "dbt_project" / "seeds" / "reference" / "control_catalogue.csv"


class Blocks(StrEnum):
    """What a violation closes. NONE warns: it raises an exception and closes nothing."""

    DOCUMENT = "document"
    SCOPE = "scope"
    PERIOD = "period"
    NONE = "none"


class Severity(StrEnum):
    """How soon somebody must look: the catalogue gives the hours of each control."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class Control:
    """One row of the catalogue. `model` is the dbt model that returns its population and violations, `close_gate` the
    gate of the close that its exceptions keep open."""

    control_id: str
    name: str
    assertion: str
    type: str
    severity: Severity
    blocks: Blocks
    owner: str
    what_is_wrong: str
    suggested_cause: str
    next_step: str
    sla_hours: int
    model: str
    close_gate: str


_TEXTS = (
    "control_id", "name", "assertion", "type", "owner", "what_is_wrong", "suggested_cause", "next_step",
    "model", "close_gate",
)  # fmt: skip


@cache
def load_catalogue(path: Path = CATALOGUE_PATH) -> tuple[Control, ...]:
    """Every control in order of its id. Raises ValueError for an unknown severity or level, or a repeated id."""
    with path.open(newline="", encoding="utf-8") as file:
        controls = [_control(row) for row in csv.DictReader(file)]
    controls.sort(key=lambda control: control.control_id)
    ids = [control.control_id for control in controls]
    if len(ids) != len(set(ids)):
        raise ValueError(f"a control stands twice in {path.name}")
    return tuple(controls)


def _control(row: dict[str, str]) -> Control:
    texts = {name: row[name] for name in _TEXTS}
    return Control(
        **texts,
        severity=Severity(row["severity"]),
        blocks=Blocks(row["blocks"]),
        sla_hours=int(row["sla_hours"]),
    )
