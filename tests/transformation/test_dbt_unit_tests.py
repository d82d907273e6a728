"""Every dbt unit test of the project, each as a test of its own: a failure names the behaviour that is wrong.

dbt runs them in one process over a scratch warehouse that has every table and no row: a unit test brings its own
rows and reads only the column types of the models before its own.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from billing_assets.automation.nightly import Nightly
from billing_assets.controls.evaluate import create_verdicts
from billing_assets.settings import Settings
from billing_assets.transformation.resources import PROJECT_DIR, NodeResult

pytestmark = pytest.mark.dbt

Results = dict[str, NodeResult]


def names() -> list[str]:
    """`model.unit_test` of every unit test written in the project, read without dbt: pytest wants them at once."""
    found = []
    for path in sorted((PROJECT_DIR / "models").rglob("*.yml")):
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        found += [f"{test['model']}.{test['name']}" for test in document.get("unit_tests", [])]
    return found


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """`model.unit_test` -> what dbt said of it."""
    root = tmp_path_factory.mktemp("dbt")
    (root / "landing").mkdir()
    night = Nightly(Settings(landing=root / "landing", home=root / "home", as_of=date(2026, 4, 3), threads=2))
    night.land()
    with night.warehouse().held():
        night.prepare()
        with night.warehouse().writer() as connection:
            create_verdicts(connection)
        built = night.dbt.run(["build", "--empty", "--resource-type", "model", "--resource-type", "seed"])
        broken = "\n".join(f"{node.unique_id}: {node.message}" for node in built if node.status != "success")
        assert not broken, f"models that cannot be built, so that nothing after them can be tested:\n{broken}"
        with pytest.MonkeyPatch.context() as patch:
            _spare_repetition(patch)
            tested = night.dbt.run(["test", "--select", "test_type:unit"])
    return {node.unique_id.split(".", 2)[2]: node for node in tested}


def _spare_repetition(patch: pytest.MonkeyPatch) -> None:
    """What dbt does for each input of each test, a quarter of its time: describe a table that never changes here, and
    group the words of a query in which it only looks for the first `with`."""
    from dbt.adapters.duckdb.impl import DuckDBAdapter

    patch.setattr("sqlparse.engine.grouping.group", lambda statement: statement)
    describe = DuckDBAdapter.get_columns_in_relation
    known: dict[str, Any] = {}

    def describe_once(adapter: Any, relation: Any) -> Any:
        if str(relation) not in known:
            known[str(relation)] = describe(adapter, relation)
        return known[str(relation)]

    patch.setattr(DuckDBAdapter, "get_columns_in_relation", describe_once)


@pytest.mark.parametrize("name", names())
def test_model(name: str, results: Results) -> None:
    assert results[name].status == "pass", results[name].message


def test_dbt_ran_the_unit_tests_that_are_written_and_no_other(results: Results) -> None:
    assert sorted(results) == sorted(names())
