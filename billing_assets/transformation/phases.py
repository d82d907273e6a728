"""The two dbt phases of a run and the arguments that select them."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A: everything the gate judges. B: what is read once documents are issued."""

    A = "phase_a"
    B = "phase_b"


def build_arguments(phase: Phase) -> list[str]:
    """`dbt build` of one phase: models, seeds and structural tests. Unit tests prove code, not data: `make test`.

    A test runs with the phase of all models it looks at; one that looks at both phases has the tag of the second.
    """
    chosen = ["--select", f"tag:{phase}", "--indirect-selection", "cautious"]
    return ["build", *chosen, "--exclude-resource-type", "unit_test"]
