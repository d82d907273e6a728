"""A new ledger for each test, on SQLite and on PostgreSQL, and one filled ledger to tamper with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from billing_assets.ledger import Ledger
from tests.ledger.builders import Place, copy, fill, new_ledger, url_of


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A PostgreSQL server; skips where there is none in a wheel for this Python."""
    pytest.importorskip("pgserver", reason="no PostgreSQL wheel for this Python or machine")
    from tests.ledger import postgresql

    with postgresql.running() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a ledger is that nobody has written to, on each database."""
    if request.param == "sqlite":
        new_ledger(tmp_path).close()
        yield Place(url_of(tmp_path), tmp_path / "seal")
    else:
        server = request.getfixturevalue("server")
        url = server.new(tmp_path / "seal")
        yield Place(url, tmp_path / "seal")
        server.drop(url)


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    with place.open() as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def _no_power_cuts() -> Iterator[None]:
    """Waiting for the disk is nine tenths of these tests' time, and no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing_assets.ledger.guards_sqlite._SYNCHRONOUS", "OFF")
        patch.setattr("billing_assets.ledger.seal._fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger that has something in every table, and its seal."""
    folder = tmp_path_factory.mktemp("filled")
    with Ledger.open(url_of(folder)) as opened:
        fill(opened)
        assert opened.verify() == []
    # Closing the last connection folds the write-ahead log into the file.
    assert not (folder / "ledger.sqlite-wal").exists()
    return folder


@pytest.fixture(scope="session")
def unguarded(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The filled ledger with every guard dropped, as whoever can write the file may do."""
    folder = tmp_path_factory.mktemp("unguarded")
    copy(filled, folder)
    raw = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    for (name,) in raw.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        raw.execute(f"drop trigger {name}")
    raw.close()
    return folder
