"""Runs dbt over the table of cases, in this process."""

from __future__ import annotations

import os
from pathlib import Path

from billing_assets.transformation.resources import close_warehouse

PROJECT_DIR = Path(__file__).parent


class CasesNotBuilt(Exception):
    """A model of the case project failed: names each with what dbt said."""


def build(warehouse: Path) -> None:
    """Build every model over `warehouse` (a DuckDB file with raw.cases). Raises CasesNotBuilt."""
    from dbt.cli.main import dbtRunner

    os.environ["CASES_WAREHOUSE"] = str(warehouse)
    target = warehouse.parent / "dbt"
    where = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR), "--target-path", str(target)]
    try:
        result = dbtRunner().invoke(
            ["build", *where, "--log-path", str(target / "logs"), "--log-level-file", "info", "--quiet"]
        )
    finally:
        close_warehouse()
    if result.exception is not None:
        raise CasesNotBuilt(f"dbt could not run: {result.exception}") from result.exception
    failed = [node for node in result.result if node.status in ("error", "fail", "skipped")]
    if failed:
        raise CasesNotBuilt("\n".join(f"{node.node.name}: {node.message}" for node in failed))
