"""A run of the plausibility checks: gather, judge in a process of its own, write raw_plausibility.results.

The process takes the import of Great Expectations (twelve seconds of one core, 300 MB) off the run: between `begin` and
`finish` the run does other work, such as importing dbt and reading its project.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields
from datetime import date

from billing_assets.controls.plausibility.frames import gather
from billing_assets.controls.plausibility.suite import Result, judge
from billing_assets.controls.plausibility.table import load_checks
from billing_assets.warehouse import Warehouse

_COLUMNS = tuple(field.name for field in fields(Result))


@dataclass
class Judging:
    """Checks being judged in another process, which needs no warehouse."""

    warehouse: Warehouse
    executor: ProcessPoolExecutor | None
    results: Future[list[Result]] | None

    def finish(self) -> list[Result]:
        """Wait for the results and replace raw_plausibility.results by them."""
        results = self.results.result() if self.results else []
        if self.executor:
            self.executor.shutdown()
        with self.warehouse.writer() as connection:
            connection.execute("begin")
            connection.execute("delete from raw_plausibility.results")
            if results:
                marks = ", ".join("?" * len(_COLUMNS))
                connection.executemany(
                    f"insert into raw_plausibility.results ({', '.join(_COLUMNS)}) values ({marks})",
                    [astuple(result) for result in results],
                )
            connection.execute("commit")
        return results


def begin(warehouse: Warehouse, as_of: date) -> Judging:
    """Gather what has landed and start judging it."""
    checks = load_checks()
    with warehouse.reader() as connection:
        frames = gather(connection, checks, as_of)
    if not frames:
        return Judging(warehouse, None, None)
    # Spawned, not forked: the run has threads by now.
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_end_with_the_run)
    return Judging(warehouse, executor, executor.submit(judge, checks, frames))


def _end_with_the_run() -> None:
    """A pool's worker waits for work for ever: it would stay behind a run that was killed."""
    run = multiprocessing.parent_process()

    def wait() -> None:
        if run is not None:
            run.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def run_plausibility(warehouse: Warehouse, as_of: date) -> list[Result]:
    """Judge all landed data and write raw_plausibility.results; without landed data there are none.

    Grain of the results: check and month of the rows judged. Raises NoWarehouse before anything has landed.
    """
    return begin(warehouse, as_of).finish()
