"""A run killed at the end of any step and run again leaves what an undisturbed one leaves, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture(params=["sqlite", "postgresql"])
def new_ledger(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], str] | None]:
    """Makes ledgers on PostgreSQL, where there is a server in a wheel for this Python; None: on SQLite."""
    if request.param == "sqlite":
        yield None
        return
    pytest.importorskip("pgserver", reason="no PostgreSQL wheel for this Python or machine")
    from tests.ledger import postgresql

    with postgresql.running() as server:
        yield server.new


def test_killed_at_the_end_of_every_step(tmp_path: Path, new_ledger: Callable[[Path], str] | None) -> None:
    home = Home(tmp_path, new_ledger)
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
