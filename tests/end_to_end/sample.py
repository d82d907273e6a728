"""The sample's place, how a test runs it, and what a run leaves."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tests.end_to_end.conftest import billing

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
AS_OF = "2026-04-03"


def run(landing: Path, home: Path, as_of: str = AS_OF, threads: int = 2, **environment: str) -> str:
    done = billing(
        "run", "--landing", landing, "--home", home, "--as-of", as_of, "--threads", str(threads), env=environment
    )
    return done.stdout


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
