"""A new ledger for each test, and the bytes of one filled ledger to tamper with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_assets.ledger import Ledger
from tests.ledger.builders import fill, new_ledger, url_of


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with new_ledger(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def _no_power_cuts() -> Iterator[None]:
    """Waiting for the disk is nine tenths of these tests' time, and no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing_assets.ledger.guards._SYNCHRONOUS", "OFF")
        yield


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("filled")
    with Ledger.open(url_of(folder)) as opened:
        fill(opened)
        assert opened.verify() == []
    # Closing the last connection folds the write-ahead log into the file.
    assert not (folder / "ledger.sqlite-wal").exists()
    return (folder / "ledger.sqlite").read_bytes()


@pytest.fixture(scope="session")
def unguarded(filled: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The filled ledger with every guard dropped, as whoever can write the file may do."""
    path = tmp_path_factory.mktemp("unguarded") / "ledger.sqlite"
    path.write_bytes(filled)
    raw = sqlite3.connect(path, isolation_level=None)
    for (name,) in raw.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        raw.execute(f"drop trigger {name}")
    raw.close()
    return path.read_bytes()
