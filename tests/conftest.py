"""Tests never touch the home of the checkout: what needs a default home gets one that goes away."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from typing import Any

import pytest
from hypothesis import settings

# No deadline: the machine may be busy, and speed is measured by `make bench`. CI takes the same examples every time.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("project")


def pytest_configure(config: pytest.Config) -> None:
    home = tempfile.mkdtemp(prefix="billing-home-")
    os.environ["BILLING_HOME"] = home
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files with whole nights or long waits first: what is left for the end is short, so no process waits for another.
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in ("dbt", "end_to_end", "browser")))
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("dbt"):
            # First of all: homes are made by fixtures, too.
            item.fixturenames.insert(0, "parsed_project")


@pytest.fixture(scope="session")
def parsed_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is slow to read and the same for every night: dbt's project is parsed once for a test run and read once by
    each process, its templates are compiled once, and one process per test process keeps Great Expectations imported.
    """
    import jinja2
    from filelock import FileLock

    from billing_assets.controls.plausibility import run as plausibility
    from billing_assets.settings import Settings
    from billing_assets.transformation.resources import Dbt

    class KeptPool(ProcessPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            """It ends with the test run."""

    @functools.cache
    def pool(workers: int, context: BaseContext, initializer: Callable[[], None]) -> KeptPool:
        return KeptPool(workers, context, initializer)

    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "parsed"
    parsed = home / "dbt" / "partial_parse.msgpack"
    with FileLock(home.with_suffix(".lock")):
        if not parsed.exists():
            Dbt(Settings(home=home)).read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_PARTIAL_PARSE_FILE_PATH", str(parsed))
        read = Dbt.read
        manifests: list[Any] = []

        def read_once(dbt: Dbt, tell: Callable[[str], None] = lambda _: None) -> None:
            dbt._manifest = dbt._manifest or next(iter(manifests), None)
            read(dbt, tell)
            manifests[:] = [dbt._manifest]

        patch.setattr(Dbt, "read", read_once)
        patch.setattr(plausibility, "ProcessPoolExecutor", pool)
        compile_anew = jinja2.Environment.compile
        codes: dict[tuple[type, tuple[Any, ...]], Any] = {}

        def compile_once(self: jinja2.Environment, *arguments: Any) -> Any:
            key = (type(self), arguments)
            if key not in codes:
                codes[key] = compile_anew(self, *arguments)
            return codes[key]

        patch.setattr(jinja2.Environment, "compile", compile_once)
        yield
