"""Other systems' figures, and ours worked by hand, through the real code: every vector by its id."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vectors.harness import Result, run
from tests.vectors.vector import read_folder

pytestmark = pytest.mark.dbt
HERE = Path(__file__).parent
VECTORS = [*read_folder(HERE / "data"), *read_folder(HERE / "ours")]
MOST_INEXPRESSIBLE = 3  # percent


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {result.id: result for result in run(VECTORS)}


@pytest.mark.parametrize("name", [vector.id for vector in VECTORS])
def test_no_vector_fails(name: str, results: dict[str, Result]) -> None:
    assert results[name].status != "fail", results[name].reason


def test_few_are_inexpressible_and_each_says_why(results: dict[str, Result]) -> None:
    unsaid = [result for result in results.values() if result.status == "inexpressible"]
    assert all(result.reason for result in unsaid)
    assert len(unsaid) * 100 <= MOST_INEXPRESSIBLE * len(results), "\n".join(f"{r.id}: {r.reason}" for r in unsaid)


def test_every_route_has_been_taken(results: dict[str, Result]) -> None:
    assert {"pipeline", "pipeline with cycles", "case table"} <= {result.route for result in results.values()}
