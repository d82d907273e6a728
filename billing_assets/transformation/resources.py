"""Runs dbt in this process: one parsed manifest serves both phases, because each start of dbt costs ten seconds."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing_assets.errors import OperatorError
from billing_assets.settings import PROJECT_ROOT, Settings
from billing_assets.transformation import last_build
from billing_assets.transformation.phases import Phase, build_arguments
from billing_assets.warehouse import Warehouse

PROJECT_DIR = PROJECT_ROOT / "dbt_project"


def _where(settings: Settings) -> list[str]:
    target = settings.home / "dbt"
    return [
        *("--project-dir", str(PROJECT_DIR)),
        *("--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(target)),
        *("--log-path", str(target / "logs")),
        # What failed is raised with its reason; a log of every node costs a tenth of dbt's time.
        *("--log-level", "none"),
        "--quiet",
    ]


def close_warehouse() -> None:
    """dbt keeps its connection for the life of the process, and with it the file from every other one."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters

    reset_adapters()
    DuckDBConnectionManager.env().close()
    DuckDBConnectionManager.close_all_connections()


def manifest_path(settings: Settings) -> Path:
    """The project's manifest under HOME, parsed anew when a file of the project is younger than it."""
    manifest = settings.home / "dbt" / "manifest.json"
    newest = max(p.stat().st_mtime_ns for p in PROJECT_DIR.rglob("*") if p.suffix in {".sql", ".yml", ".csv"})
    if not manifest.exists() or manifest.stat().st_mtime_ns < newest:
        settings.home.mkdir(parents=True, exist_ok=True)
        _parse(settings)
    return manifest


def _parse(settings: Settings) -> Any:
    # Seven seconds to import, so only when a phase really runs.
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    # The bare name, not the path: what is parsed is then the same for every home, so that one can be parsed from
    # another's (DBT_PARTIAL_PARSE_FILE_PATH).
    os.environ["BILLING_WAREHOUSE"] = settings.warehouse_path.name
    parsed = dbtRunner().invoke(["parse", *_where(settings)])
    reset_adapters()
    if not parsed.success:
        raise TransformationFailed(f"dbt cannot read the project: {parsed.exception}")
    return parsed.result


class TransformationFailed(OperatorError):
    """A model or a structural test failed: a bug or a broken raw table, never a business finding."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node."""

    unique_id: str
    status: str
    seconds: float
    message: str | None
    failures: int | None


class Dbt:
    """One parsed dbt project over one warehouse file. No other process may have that file while a phase runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._manifest: Any = None

    def build(self, phase: Phase, tell: Callable[[str], None] = lambda _: None) -> list[NodeResult]:
        """Build one phase. Raises TransformationFailed naming every node that failed."""
        arguments = build_arguments(phase)
        return self.follow(arguments, tell) if phase is Phase.A else self._complete(arguments, tell)

    def follow(self, arguments: list[str], tell: Callable[[str], None] = lambda _: None) -> list[NodeResult]:
        """Run nodes of phase A so that incremental models follow on the last build, where they may. Raises as `build`.

        `arguments` must select the same incremental models each time: one that a build leaves out misses its changes.
        """
        warehouse = Warehouse(self._settings.warehouse_path)
        begun = last_build.begin(warehouse)
        nodes = self._complete([*arguments, *(["--full-refresh"] if begun.is_full else [])], tell)
        last_build.remember(warehouse, begun)
        return nodes

    def _complete(self, arguments: list[str], tell: Callable[[str], None]) -> list[NodeResult]:
        nodes = self.run(arguments, tell)
        failed = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
        if failed:
            lines = "\n".join(f"  {node.unique_id}: {(node.message or '').strip()}" for node in failed)
            raise TransformationFailed(
                f"{len(failed)} of {len(nodes)} dbt nodes failed; the run stops before anything is "
                f"issued. Look at the rows with `dbt show` or in the test's compiled SQL:\n{lines}"
            )
        return nodes

    def run(self, arguments: list[str], tell: Callable[[str], None] = lambda _: None) -> list[NodeResult]:
        """Any dbt command that runs nodes. A node that failed is a result here; raises when dbt could not run."""
        result = self._invoke(arguments, tell)
        if result.exception is not None:
            raise TransformationFailed(f"dbt could not run: {result.exception}") from result.exception
        return [
            NodeResult(r.node.unique_id, str(r.status), r.execution_time, r.message, r.failures)
            for r in result.result.results
            # The hook that creates the money functions is a result too; only its failure is news.
            if r.node.resource_type != "operation" or r.status != "success"
        ]

    def read(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Parse the project, once: both phases use it. Needs no warehouse, so other work may have the file."""
        if self._manifest is not None:
            return
        tell("dbt: reading the project")
        self._manifest = _parse(self._settings)
        # Half a million objects that live as long as the run: the collector would look at all of them again and again.
        gc.freeze()

    def nodes(self) -> dict[str, Any]:
        """The parsed project's nodes as the manifest file describes them, by unique id."""
        nodes: dict[str, Any] = json.loads(manifest_path(self._settings).read_text(encoding="utf-8"))["nodes"]
        return nodes

    def _invoke(self, arguments: list[str], tell: Callable[[str], None]) -> Any:
        from dbt.cli.main import dbtRunner

        self.read(tell)
        self._name_warehouse()
        try:
            # Its JSON files are written when the project is parsed; nobody reads those of a run.
            return dbtRunner(manifest=self._manifest).invoke([*arguments, "--no-write-json", *_where(self._settings)])
        finally:
            close_warehouse()

    def _name_warehouse(self) -> None:
        """Where profiles.yml looks: this home's file, whichever home ran before in this process."""
        os.environ["BILLING_WAREHOUSE"] = str(self._settings.warehouse_path)
        os.environ["BILLING_THREADS"] = str(self._settings.threads)
