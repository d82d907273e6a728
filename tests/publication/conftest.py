"""A ledger whose commits do not wait for the disk: no test here cuts the power."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_assets.ledger import Ledger
from tests.ledger.builders import new_ledger


@pytest.fixture(scope="session", autouse=True)
def _no_power_cuts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing_assets.ledger.guards_sqlite._SYNCHRONOUS", "OFF")
        patch.setattr("billing_assets.ledger.seal._fsync", lambda _: None)
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with new_ledger(tmp_path) as opened:
        yield opened
