"""The same options give the same bytes, whatever the machine's zone, locale and hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing_assets.simulation import arrivals, mixing
from billing_assets.simulation.simulate import SimulationOptions, simulate
from tests.simulation.conftest import SAMPLE
from tests.simulation.trees import contents, tree_hash

ROOT = Path(__file__).parents[2]
# The sample lies in the repository: reviewers and clones pay for every byte.
MAX_SAMPLE_BYTES = 8_000_000
PROGRAM = """
import sys
from pathlib import Path
from billing_assets.simulation.simulate import SimulationOptions, simulate
simulate(SimulationOptions(out=Path(sys.argv[1])))
"""


def test_two_runs_write_the_same_bytes_under_another_zone_locale_and_hash_seed(sample: Path, tmp_path: Path) -> None:
    elsewhere = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "77", "PYTHONUTF8": "0"}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "there")],
        cwd=ROOT,
        env={**os.environ, **elsewhere},
        check=True,
    )
    assert tree_hash(sample) == tree_hash(tmp_path / "there")


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    for seed in (3, 4):
        simulate(SimulationOptions(seed=seed, scale=2_000, out=tmp_path / str(seed)))
    assert tree_hash(tmp_path / "3") != tree_hash(tmp_path / "4")


def test_the_committed_sample_is_what_the_simulator_makes(sample: Path) -> None:
    made, committed = contents(sample), contents(SAMPLE)
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []


def test_the_committed_sample_is_small() -> None:
    assert sum(p.stat().st_size for p in SAMPLE.rglob("*") if p.is_file()) < MAX_SAMPLE_BYTES


def test_the_mixer_is_the_same_in_sql() -> None:
    numbers = [0, 1, 2, 28_184, 2**31, 2**32 - 1, 2**32, 50_000_000]
    salts = {"a": 0, "b": 1, "c": 680, "d": 2**31 - 1}
    source = f"select unnest({numbers}::bigint[]) as number"
    found = duckdb.sql(mixing.mixed_select(source, "number", salts)).fetchall()
    assert found == [(n, *(mixing.mix(n, salt) for salt in salts.values())) for n in numbers]


@pytest.mark.parametrize("of", [1, 7, 303, 543_210])
def test_arrivals_are_the_same_in_sql_and_never_go_back(of: int) -> None:
    positions = sorted({0, of // 5, of // 3, of // 2, of - 1})
    with duckdb.connect() as db:
        expression = arrivals.arrival_ms_sql("p::bigint", f"{of}::bigint")
        found = db.execute(f"select {expression} from (select unnest({positions}) as p)").fetchall()
    times = [arrivals.arrival_ms(position, of) for position in positions]
    assert [row[0] for row in found] == times
    assert times == sorted(times)
    assert all(0 <= ms < 86_400_000 for ms in times)


def test_every_request_has_one_day() -> None:
    days = arrivals.spread_over_days(date(2026, 1, 1), date(2026, 4, 2), 56_370)
    assert days[0].first == 0
    assert days[-1].end == 56_370
    assert all(a.end == b.first for a, b in pairwise(days))


@pytest.mark.parametrize("wrong", [{"months": 0}, {"accounts": 0}, {"scale": 1}, {"seed": -1}])
def test_options_that_describe_no_world_are_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be"):
        simulate(SimulationOptions(out=tmp_path, **wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("more", [{}, {"seed": 11}, {"accounts": 1}, {"months": 1}, {"as_of": date(2025, 12, 1)}])
def test_a_small_world_has_usage_and_no_stories(more: dict[str, Any], tmp_path: Path) -> None:
    summary = simulate(SimulationOptions(**{"scale": 500, "accounts": 21, "out": tmp_path, **more}))
    assert summary.usage_events >= 500
    assert summary.planted_faults == 0


def test_stories_are_told_in_other_worlds_too(tmp_path: Path) -> None:
    options = SimulationOptions(seed=12, accounts=21, scale=75_000, as_of=date(2025, 6, 16), out=tmp_path)
    assert simulate(options).planted_faults == 56


def test_a_landing_zone_that_was_not_simulated_is_not_replaced(tmp_path: Path) -> None:
    real = tmp_path / "landing" / "usage" / "real.jsonl"
    real.parent.mkdir(parents=True)
    real.write_text("{}", encoding="utf-8")
    with pytest.raises(FileExistsError, match="not made by the simulator"):
        simulate(SimulationOptions(scale=2_000, out=tmp_path))
    assert real.exists()
