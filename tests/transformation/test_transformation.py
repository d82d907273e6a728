"""Phases and the translator: pure helpers around dbt, tested without it."""

from __future__ import annotations

import pytest

from billing_assets.transformation.phases import Phase, build_arguments
from billing_assets.transformation.translator import group_of


@pytest.mark.parametrize("phase", list(Phase))
def test_a_phase_builds_its_tag_without_unit_tests(phase: Phase) -> None:
    chosen = ["--select", f"tag:{phase}", "--indirect-selection", "cautious"]
    assert build_arguments(phase) == ["build", *chosen, "--exclude-resource-type", "unit_test"]


@pytest.mark.parametrize(
    ("fqn", "group"),
    [
        (["billing", "marts", "invoicing", "fct_draft_invoices"], "invoicing"),
        (["billing", "staging", "contracts", "stg_contracts__charges"], "contracts"),
        (["billing", "controls", "ctl_usg_05_file_not_conserved"], "controls"),
        (["billing", "currencies"], "reference"),
    ],
)
def test_a_group_is_the_step_a_model_belongs_to(fqn: list[str], group: str) -> None:
    assert group_of(fqn) == group
