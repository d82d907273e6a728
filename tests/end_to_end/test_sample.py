"""The sample seller: every planted fault found with its money, and the same bytes however and wherever it is run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml

from billing_assets.simulation.score import score
from tests.end_to_end.conftest import billing, report
from tests.end_to_end.sample import AS_OF, SAMPLE, contents, run

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sample") / "home"
    # Another zone and locale than the runs it is compared with.
    run(SAMPLE / "landing", home, TZ="Pacific/Auckland", LC_ALL="C", LANG="C")
    return home


def test_every_planted_fault_is_found_and_nothing_clean_is_held(home: Path) -> None:
    card = score(home, SAMPLE / "truth")
    assert card.missed == ()
    assert card.wrong_money == ()
    assert card.clean_documents_held == ()
    assert card.clean_scopes_closed == ()
    assert card.scopes >= 6
    assert card.clean_scopes >= 2
    assert card.recall == 1
    assert card.precision == 1


def test_marts_refuse_nulls(home: Path) -> None:
    """What the contracts of the marts say of nulls is a constraint of the tables."""
    from billing_assets.transformation.resources import PROJECT_DIR

    said = {
        (model["name"], column["name"])
        for path in PROJECT_DIR.rglob("marts/**/*.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
        for column in model.get("columns", [])
        if {"type": "not_null"} in column.get("constraints", [])
    }
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        kept = connection.execute(
            "select table_name, unnest(constraint_column_names) from duckdb_constraints() "
            "where constraint_type = 'NOT NULL' and schema_name = 'marts'"
        ).fetchall()
    assert said <= set(kept)
    assert len(said) > 100


def test_rows_and_units_are_conserved_per_file(home: Path) -> None:
    unbalanced = report(
        home, "conservation", "select * from report where received <> accepted + duplicate + conflict + quarantined"
    )
    assert unbalanced == []


def test_dagster_gives_what_the_command_line_gives(home: Path, tmp_path: Path) -> None:
    """From another place, in another zone and locale, with files of other times, by one thread: no byte differs."""
    from billing_assets.definitions import defs

    landing = tmp_path / "elsewhere"
    shutil.copytree(SAMPLE / "landing", landing)
    for number, path in enumerate(sorted(landing.rglob("*"))):
        os.utime(path, (1_600_000_000 + number, 1_600_000_000 - number))
    config = {"landing": str(landing), "home": str(tmp_path / "home"), "as_of": AS_OF, "threads": 1}
    result = defs.resolve_job_def("nightly").execute_in_process(
        run_config={"resources": {"installation": {"config": config}}}
    )
    assert result.success
    assert contents(tmp_path / "home") == contents(home)
    warned = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert {"USG_02", "RAT_03"} <= warned
    partitions = {e.partition for e in result.all_events if e.event_type_value == "ASSET_MATERIALIZATION"} - {None}
    assert "2026-01-31" in partitions


@pytest.mark.parametrize("period", ["2026-01", "2026-03"])
def test_close_status_names_what_is_open(home: Path, period: str) -> None:
    done = billing("close", "status", "--period", period, "--home", home, check=False)
    assert period in done.stdout
    assert done.returncode in (0, 1)
    assert (done.returncode == 0) == ("NOT READY" not in done.stdout)
