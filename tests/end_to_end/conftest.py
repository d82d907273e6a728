"""Runs the nightly job in a process of its own, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

Billing = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def models_only() -> Iterator[None]:
    """Nights without dbt's structural tests, which the sample's runs make: two thirds of a small night's time."""
    from billing_assets.transformation import resources

    build = resources.build_arguments
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "build_arguments", lambda phase: [*build(phase), "--exclude-resource-type", "test"])
        yield


def billing(
    *arguments: str | Path, check: bool = True, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "billing"), *map(str, arguments)],
        capture_output=True, text=True, env=os.environ | (env or {}), check=False,
    )  # fmt: skip
    if check and done.returncode != 0:
        pytest.fail(f"billing {' '.join(map(str, arguments))} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def report(home: Path, name: str, query: str = "select * from report") -> list[dict[str, Any]]:
    """Rows of a report as dictionaries; `query` reads it as `report`."""
    with duckdb.connect() as connection:
        path = str(home / "reports" / f"{name}.parquet")
        connection.execute(f"create view report as select * from read_parquet('{path}')")
        result = connection.execute(query)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
