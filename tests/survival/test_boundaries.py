"""A run killed at the end of any step and run again leaves what an undisturbed one leaves, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.survival.boundaries import STEPS, Home

# Four runs and the reading of the dbt project do not fit into `make test`.
pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt, pytest.mark.soak]


def test_killed_while_publishing_and_right_after_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run_keeping(tmp_path / "before publish")
    undisturbed = home.left()
    assert any(name.startswith("published/") for name in undisturbed)

    home.begin_anew(tmp_path / "before publish")
    home.killed("deliver", called="publish")
    assert not list((home.home / "published").rglob("*.manifest.json"))
    home.killed("publish", called="publish")
    home.run()
    assert home.left() == undisturbed


def test_killed_at_the_end_of_every_step(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run()
    undisturbed = home.left()
    for step in STEPS:
        home.begin_anew()
        home.killed(step)
        if step != "report":  # the run was finished, and is not done again
            home.run()
        assert home.left() == undisturbed, step

    home.begin_anew()
    for step in STEPS[:-1]:
        home.killed(step)
    home.run()
    assert home.left() == undisturbed, "killed at every step in turn"
