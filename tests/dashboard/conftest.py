"""One small snapshot and a client for it; the client speaks to a loopback name, as a browser does."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # Starlette recommends a client that the lock does not have; the one it uses is the one it was tested with.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

from billing_assets.dashboard.app import create_app
from billing_assets.settings import Settings
from tests.dashboard import world


@pytest.fixture(scope="session", autouse=True)
def _no_power_cuts() -> Iterator[None]:
    """Nothing here cuts the power: the ledger need not wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing_assets.ledger.guards_sqlite._SYNCHRONOUS", "OFF")
        patch.setattr("billing_assets.ledger.seal._fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def snapshot_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.build(tmp_path_factory.mktemp("snapshot") / "reporting.duckdb")


@pytest.fixture(scope="session")
def home(snapshot_file: Path) -> Path:
    return snapshot_file.parent


@pytest.fixture(scope="session")
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(home=home)), base_url="http://127.0.0.1:8321") as client:
        yield client


@pytest.fixture
def own_home(snapshot_file: Path, tmp_path: Path) -> Path:
    """A home of its own, for a test that changes the snapshot or the ledger."""
    shutil.copytree(snapshot_file.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path
