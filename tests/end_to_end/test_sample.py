"""The sample seller: every planted fault found with its money, and the same bytes however and wherever it is run."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from billing_assets.simulation.score import score
from tests.end_to_end.conftest import billing, report

pytestmark = [pytest.mark.end_to_end, pytest.mark.dbt]
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
AS_OF = "2026-04-03"


def run(landing: Path, home: Path, as_of: str = AS_OF, **env: str) -> str:
    threads = env.pop("threads", "2")
    return billing(
        "run", "--landing", landing, "--home", home, "--as-of", as_of, "--threads", threads, env=env
    ).stdout  # fmt: skip


def contents(home: Path) -> dict[str, str]:
    """Hash of every report and published file by its path below home."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("reports", "published")
        for path in sorted((home / folder).rglob("*"))
        if path.is_file()
    }


def drop_derived(home: Path) -> None:
    for name in ("lake", "reports", "dbt"):
        shutil.rmtree(home / name)
    for path in home.glob("warehouse.duckdb*"):
        path.unlink()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sample") / "home"
    run(SAMPLE / "landing", home)
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


def test_rows_and_units_are_conserved_per_file(home: Path) -> None:
    unbalanced = report(
        home, "conservation", "select * from report where received <> accepted + duplicate + conflict + quarantined"
    )
    assert unbalanced == []


def test_another_machine_gives_the_same_bytes(home: Path, tmp_path: Path) -> None:
    landing = tmp_path / "elsewhere"
    shutil.copytree(SAMPLE / "landing", landing)
    for number, path in enumerate(sorted(landing.rglob("*"))):
        os.utime(path, (1_600_000_000 + number, 1_600_000_000 - number))
    second = tmp_path / "home"
    run(landing, second, threads="1", TZ="Pacific/Auckland", LC_ALL="C", LANG="C")
    assert contents(second) == contents(home)


def test_derived_state_may_be_deleted(home: Path, tmp_path: Path) -> None:
    again = tmp_path / "home"
    shutil.copytree(home, again)
    drop_derived(again)
    run(SAMPLE / "landing", again)
    assert contents(again) == contents(home)


def test_nightly_increments_equal_one_rebuild(tmp_path: Path) -> None:
    """Files arrive over three nights, some late; what they leave equals a rebuild from evidence and ledger."""
    landing, home = tmp_path / "landing", tmp_path / "home"
    files = sorted(path for path in (SAMPLE / "landing").rglob("*") if path.is_file())
    for night, as_of in enumerate(("2026-04-01", "2026-04-02", AS_OF)):
        for number, path in enumerate(files):
            usage = "usage" in path.parts
            # A file and its manifest land together; everything but usage is there from the first night.
            group = int(hashlib.sha256(path.name.split(".manifest")[0].encode()).hexdigest(), 16) % 3 if usage else 0
            if group == night:
                target = landing / path.relative_to(SAMPLE / "landing")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            del number
        run(landing, home, as_of)
    nightly = contents(home)
    drop_derived(home)
    run(landing, home)
    assert contents(home) == nightly


def test_dagster_gives_what_the_command_line_gives(home: Path, tmp_path: Path) -> None:
    from billing_assets.definitions import defs

    config = {"landing": str(SAMPLE / "landing"), "home": str(tmp_path / "home"), "as_of": AS_OF}
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
