"""The catalogue is complete: every control is built, listed, has a fixture it must catch and one it must pass."""

import re

import pytest
import yaml

from billing_assets.controls.catalogue import Blocks, Control, load_catalogue
from billing_assets.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models" / "controls"
REQUIRED = {
    *("USG-01", "USG-02", "USG-04", "USG-05", "USG-07", "USG-08", "PRV-02", "PRV-03", "CON-02", "CON-04"),
    *("RAT-02", "RAT-03", "INV-01", "INV-02", "INV-03", "INV-06", "INV-07", "INV-10", "CSH-01", "CSH-02"),
}
CONTROLS = load_catalogue()


def fixtures(control: Control) -> dict[str, list[dict[str, object]]]:
    """The expected rows of the control's unit tests, by kind of fixture."""
    document = yaml.safe_load((MODELS / f"{control.model}.yml").read_text())
    found: dict[str, list[dict[str, object]]] = {"dirty": [], "clean": []}
    for test in document["unit_tests"]:
        assert test["model"] == control.model
        kind = re.fullmatch(rf"{control.model}__(dirty|clean)_\d+", test["name"])
        assert kind, f"{test['name']} says neither dirty nor clean"
        found[kind[1]].append({"rows": test["expect"]["rows"], "tags": test["config"]["tags"]})
    return found


def test_the_controls_of_the_release_are_all_there() -> None:
    assert {control.control_id for control in CONTROLS} >= REQUIRED


def test_no_model_of_a_control_is_left_out_of_the_catalogue() -> None:
    assert {path.stem for path in MODELS.glob("ctl_*.sql")} == {control.model for control in CONTROLS}


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.control_id)
def test_the_model_carries_the_id_and_is_gathered(control: Control) -> None:
    assert control.model.startswith("ctl_" + control.control_id.lower().replace("-", "_") + "_")
    assert f"control_rows('{control.control_id}')" in (MODELS / f"{control.model}.sql").read_text()
    assert f"'{control.model}'" in (MODELS / "int_controls__judged.sql").read_text()


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.control_id)
def test_a_dirty_fixture_is_caught_and_a_clean_one_passed(control: Control) -> None:
    found = fixtures(control)
    assert found["dirty"], "no dirty fixture"
    assert found["clean"], "no clean fixture"
    for fixture in found["dirty"]:
        kinds = [row["row_type"] for row in fixture["rows"]]  # type: ignore[union-attr]
        assert "violation" in kinds
        assert "population" in kinds
        assert fixture["tags"] == ["dirty_fixture"]
    for fixture in found["clean"]:
        assert {row["row_type"] for row in fixture["rows"]} == {"population"}  # type: ignore[union-attr]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.control_id)
def test_every_control_tells_people_what_to_do(control: Control) -> None:
    texts = (control.name, control.owner, control.what_is_wrong, control.suggested_cause, control.next_step)
    assert all(text.strip() for text in texts)
    assert control.sla_hours > 0
    assert control.blocks in Blocks
