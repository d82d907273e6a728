"""Bulk usage: as many events as asked, with the promised shares of repeats, late ones and conflicts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import duckdb
import pytest

from billing_assets.simulation.simulate import SimulationOptions, simulate
from billing_assets.simulation.traces import read_traces
from tests.simulation.trees import tree_hash

SCALE = 1_000_000


@pytest.fixture(scope="module")
def bulk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bulk")
    summary = simulate(SimulationOptions(months=1, accounts=60, scale=SCALE, out=out))
    assert summary.accounts == 60
    return out / "landing"


@pytest.fixture(scope="module")
def db(bulk: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"""
        create table landed as
        select *, regexp_extract(filename, '(\\d{{4}}-\\d\\d-\\d\\d)\\.parquet', 1)::date as delivered
        from read_parquet('{bulk}/usage/*/*/*.parquet', filename = true)""")
    return connection


def one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_scale_counts_events_and_each_lands(db: duckdb.DuckDBPyConnection) -> None:
    assert one(db, "select count(distinct event_id) from landed") == SCALE


def test_shares_of_repeats_late_ones_and_conflicts(db: duckdb.DuckDBPyConnection) -> None:
    received = one(db, "select count(*) from landed")
    contents = one(db, "select count(*) from (select distinct * exclude (filename, delivered) from landed)")
    conflicts = one(
        db, "select count(*) from (select event_id from landed group by 1 having count(distinct quantity) > 1)"
    )
    late = one(db, "select count(*) from landed where delivered - event_time::date >= 2")
    assert received - contents == pytest.approx(0.05 * SCALE, rel=0.08)
    assert conflicts == contents - SCALE
    assert conflicts == pytest.approx(0.001 * SCALE, rel=0.2)
    assert late == pytest.approx(0.01 * SCALE, rel=0.15)


def test_tokens_are_the_traces(db: duckdb.DuckDBPyConnection) -> None:
    trace = read_traces()
    laps = [trace[k % len(trace)] for k in range(SCALE // 2)]
    first = "select event_type, arg_min(quantity, delivered) as quantity from landed group by event_id, event_type"
    for meter, tokens in (
        ("tokens.input", sum(r.input_tokens for r in laps)),
        ("tokens.output", sum(r.output_tokens for r in laps)),
    ):
        assert one(db, f"select sum(quantity) from ({first}) where event_type = '{meter}'") == tokens


def test_requests_keep_the_traces_order(db: duckdb.DuckDBPyConnection) -> None:
    overtaken = """select count(*) from (
        select event_time, lag(event_time) over (order by event_id) as before
        from (select event_id, min(event_time) as event_time from landed where event_type = 'tokens.input' group by 1)
    ) where event_time < before"""
    assert one(db, overtaken) == 0


def test_manifests_agree(bulk: Path) -> None:
    sequences: dict[str, list[int]] = {}
    for path in sorted(bulk.rglob("*.manifest.json")):
        manifest = json.loads(path.read_bytes())
        data = path.with_name(path.name.removesuffix(".manifest.json"))
        assert manifest["sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
        row = duckdb.sql(f"select count(*), sum(quantity) from read_parquet('{data}')").fetchone()
        assert row is not None
        assert (manifest["records"], manifest["quantity"]) == (row[0], str(row[1]))
        sequences.setdefault(manifest["producer"], []).append(manifest["sequence"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in sequences.values())


def test_bytes_do_not_depend_on_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_assets.simulation.simulate.EVENTS_IN_ROWS", 1)
    hashes = []
    for name in ("one", "two"):
        simulate(SimulationOptions(months=1, accounts=8, scale=20_000, out=tmp_path / name))
        hashes.append(tree_hash(tmp_path / name))
    assert hashes[0] == hashes[1]
