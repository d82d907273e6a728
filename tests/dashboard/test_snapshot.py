"""The snapshot: copied whole while nobody writes, replaced under readers, missed plainly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from fastapi.testclient import TestClient

from billing_assets.dashboard.app import create_app
from billing_assets.dashboard.data import Snapshots
from billing_assets.documents.snapshot import write_snapshot
from billing_assets.settings import Settings
from billing_assets.warehouse import NoWarehouse, Warehouse, WarehouseBusy

_DIE = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('insert into t values (7)'); os._exit(1)"
_HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def later(snapshot: Path, path: Path) -> Path:
    """The same snapshot of another business date."""
    shutil.copyfile(snapshot, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("update raw.run_context set as_of = date '2026-04-07'")
    return path


def test_without_a_snapshot_every_page_says_what_to_do(snapshot_file: Path, tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path)), base_url="http://127.0.0.1") as client:
        response = client.get("/invoices")
        assert response.status_code == 503
        assert "No snapshot yet" in response.text
        assert "billing run" in response.text
        shutil.copyfile(snapshot_file, tmp_path / "reporting.duckdb")
        assert client.get("/invoices").status_code == 200, "it appears without a restart"


def test_a_file_that_is_no_snapshot_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "reporting.duckdb").write_bytes(b"not a database" * 500)
    with TestClient(create_app(Settings(home=tmp_path)), base_url="http://127.0.0.1") as client:
        response = client.get("/")
        assert response.status_code == 503
        assert "cannot be read as a snapshot" in response.text


def test_a_replaced_snapshot_is_read_by_the_next_request(own_home: Path, tmp_path: Path) -> None:
    target = own_home / "reporting.duckdb"
    newer = later(target, tmp_path / "newer.duckdb")
    with TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1") as client:
        assert "3 Apr 2026" in client.get("/").text
        os.replace(newer, target)
        assert "7 Apr 2026" in client.get("/").text


def test_a_reader_keeps_the_snapshot_it_began_with(own_home: Path, tmp_path: Path) -> None:
    target = own_home / "reporting.duckdb"
    newer = later(target, tmp_path / "newer.duckdb")
    snapshots = Snapshots(target)
    with snapshots.open() as before:
        os.replace(newer, target)
        with snapshots.open() as after:
            assert str(after.one("select as_of from raw.run_context")["as_of"]) == "2026-04-07"
        assert str(before.one("select as_of from raw.run_context")["as_of"]) == "2026-04-03"
    snapshots.close()


def test_the_dashboard_reads_while_a_run_writes(own_home: Path) -> None:
    settings = Settings(home=own_home)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client, _writer(settings.warehouse_path):
        assert client.get("/").status_code == 200


def test_the_copy_is_the_warehouse_byte_for_byte(snapshot_file: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    shutil.copyfile(snapshot_file, settings.warehouse_path)
    path = write_snapshot(settings)
    assert path == settings.snapshot_path
    assert path.read_bytes() == settings.warehouse_path.read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_a_log_left_behind_is_folded_in(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with Warehouse(settings.warehouse_path).writer() as connection:
        connection.execute("create table t (a integer)")
    # A process that dies leaves its last commits in the log.
    subprocess.run(
        [sys.executable, "-c", _DIE, str(settings.warehouse_path)],
        check=False,
    )
    assert (tmp_path / "warehouse.duckdb.wal").exists()
    with Warehouse(write_snapshot(settings)).reader() as connection:
        assert connection.execute("select a from t").fetchall() == [(7,)]


def test_no_copy_is_made_of_nothing_or_of_a_file_being_written(snapshot_file: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(NoWarehouse):
        write_snapshot(settings)
    shutil.copyfile(snapshot_file, settings.warehouse_path)
    with _writer(settings.warehouse_path), pytest.raises(WarehouseBusy):
        write_snapshot(settings)
    assert not settings.snapshot_path.exists()


class _writer:  # noqa: N801 - reads as a word in a with statement
    """Another process that has the warehouse open for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "open\n"

    def __exit__(self, *error: object) -> None:
        self.process.communicate("")
