"""The asset graph as users see it: everything owned, grouped and described, and nothing bound to thin air."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from billing_assets.automation.sensors import fingerprint

pytestmark = pytest.mark.dbt


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    from billing_assets.definitions import defs

    return defs


@pytest.fixture(scope="module")
def graph(defs: dg.Definitions) -> Any:
    return defs.resolve_asset_graph()


def test_definitions_load_as_the_server_loads_them(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_has_owner_group_kind_and_description(graph: Any) -> None:
    assets = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    bare = [name for name, a in assets.items() if not (a.owners and a.group_name and a.kinds and a.description)]
    assert bare == []


def test_only_the_lake_is_reported_rather_than_run(graph: Any) -> None:
    reported = {key.to_user_string() for key in graph.get_all_asset_keys() if key not in graph.executable_asset_keys}
    assert reported == {"lake/usage_events"}


def test_every_check_is_bound_to_an_asset_that_runs(graph: Any) -> None:
    assert {check.asset_key for check in graph.asset_check_keys} <= graph.executable_asset_keys


def test_every_control_of_the_catalogue_is_a_check(graph: Any) -> None:
    from billing_assets.controls import load_catalogue

    names = {check.name for check in graph.asset_check_keys}
    assert {control.control_id.replace("-", "_") for control in load_catalogue()} <= names


def test_the_chain_is_in_order(graph: Any) -> None:
    def upstream(key: list[str]) -> set[str]:
        selection = dg.AssetSelection.assets(dg.AssetKey(key)).upstream()
        return {k.to_user_string() for k in selection.resolve(graph)}

    issued = upstream(["ledger", "issued_documents"])
    assert {"raw_gate/verdicts", "marts/fct_control_results", "raw_metering/usage_buckets"} <= issued
    assert "ledger/issued_documents" in upstream(["marts", "fct_invoices"])
    assert "marts/fct_invoices" in upstream(["reports", "files"])


def test_the_nightly_job_runs_everything_but_the_lake(defs: dg.Definitions, graph: Any) -> None:
    job = defs.resolve_job_def("nightly")
    assert job.asset_layer.executable_asset_keys == graph.executable_asset_keys


def test_steps_that_write_the_warehouse_share_one_pool(graph: Any) -> None:
    unpooled = {
        key.to_user_string()
        for key in graph.executable_asset_keys
        if key.path[0] not in ("reports", "ledger") and graph.get(key).pools != {"duckdb_writer"}
    }
    assert unpooled == set()


def test_the_schedule_bills_the_day_that_has_ended() -> None:
    from billing_assets.automation.schedules import nightly_schedule

    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 4, 4, 2, tzinfo=UTC))
    request = nightly_schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "2026-04-03"
    assert request.run_config["resources"]["installation"]["config"]["as_of"] == "2026-04-03"
    assert nightly_schedule.execution_timezone == "UTC"


def test_the_fingerprint_follows_the_landing_zone(tmp_path: Path) -> None:
    assert fingerprint(tmp_path) is None
    (tmp_path / "a.csv").write_text("x")
    first = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == first
    (tmp_path / "b.csv").write_text("x")
    assert fingerprint(tmp_path) != first


def test_the_sensor_asks_for_one_run_per_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from billing_assets.automation.sensors import landing_sensor

    monkeypatch.setenv("BILLING_LANDING", str(tmp_path))
    assert isinstance(landing_sensor(dg.build_sensor_context()), dg.SkipReason)
    (tmp_path / "a.csv").write_text("x")
    result = landing_sensor(dg.build_sensor_context())
    assert isinstance(result, dg.SensorResult)
    assert result.run_requests is not None
    assert len(result.run_requests) == 1
    again = landing_sensor(dg.build_sensor_context(cursor=result.cursor))
    assert isinstance(again, dg.SkipReason)
