"""The sample, made once for all tests of this room."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from billing_assets.simulation.simulate import SimulationOptions, simulate

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed sample, generated anew."""
    out = tmp_path_factory.mktemp("sample")
    simulate(SimulationOptions(out=out))
    return out


@pytest.fixture(scope="session")
def planted(sample: Path) -> dict[str, dict[str, str]]:
    """Planted faults of the sample by id."""
    with (sample / "truth" / "planted.csv").open(encoding="utf-8", newline="") as file:
        return {row["fault_id"]: row for row in csv.DictReader(file)}
