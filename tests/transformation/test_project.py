"""Rules of the dbt project, read from its manifest: layers, prefixes, tests, contracts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from billing_assets.settings import Settings
from billing_assets.transformation.phases import Phase
from billing_assets.transformation.resources import PROJECT_DIR, manifest_path

pytestmark = pytest.mark.dbt
PREFIX = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("fct_", "dim_"),
    "controls": ("ctl_", "fct_control", "int_"),
    "reports": ("rpt_",),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = manifest_path(Settings(home=tmp_path_factory.mktemp("manifest")))
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(node: dict[str, Any]) -> str:
    return str(node["fqn"][1])


def test_names_say_the_layer(models: list[dict[str, Any]]) -> None:
    assert [m["name"] for m in models if not m["name"].startswith(PREFIX[layer(m)])] == []


def test_every_model_states_its_grain(models: list[dict[str, Any]]) -> None:
    silent = [m["name"] for m in models if not m["description"].lower().startswith(("one row", "no row", "zero rows"))]
    assert silent == []


def test_marts_have_an_enforced_contract(models: list[dict[str, Any]]) -> None:
    assert [m["name"] for m in models if layer(m) == "marts" and not m["config"]["contract"]["enforced"]] == []


def test_staging_reads_sources_only_and_nothing_else_does(models: list[dict[str, Any]]) -> None:
    wrong = []
    for model in models:
        kinds = {name.split(".")[0] for name in model["depends_on"]["nodes"]}
        sources = {name.split(".")[2] for name in model["depends_on"]["nodes"] if name.startswith("source.")}
        if layer(model) == "staging" and kinds - {"source"}:
            wrong.append(model["name"])
        if layer(model) in ("marts", "reports") and sources - {"raw"}:
            wrong.append(model["name"])
    assert wrong == []


def test_every_model_has_a_key_test(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    keyed = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") in ("unique", "grain")
    }
    unkeyed = [m["name"] for m in models if layer(m) in ("intermediate", "marts") and m["unique_id"] not in keyed]
    assert unkeyed == []


def test_every_test_runs_in_a_phase(manifest: dict[str, Any]) -> None:
    nodes = manifest["nodes"]
    left_out = []
    for node in (node for node in nodes.values() if node["resource_type"] == "test"):
        read = [nodes[name] for name in node["depends_on"]["nodes"] if name in nodes]
        in_one = any(all(phase in other["tags"] for other in read) for phase in Phase)
        if not in_one and Phase.B not in node["tags"]:
            left_out.append(node["name"])
    assert left_out == []


def test_no_float_and_no_clock_in_sql() -> None:
    for path in [*PROJECT_DIR.rglob("models/**/*.sql"), *PROJECT_DIR.rglob("macros/**/*.sql")]:
        text = "\n".join(line for line in path.read_text(encoding="utf-8").lower().splitlines() if "--" not in line)
        for word in (r"double\b", "as float", "current_date", "current_timestamp", r"now\(\)", r"avg\(", r"random\("):
            assert not re.search(word, text.split("#}")[-1]), f"{Path(path).name} uses {word}"
