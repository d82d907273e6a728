"""A small landing zone with a home of its own, and a metering step that only counts."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing_assets.landing import manifests, quarantine, tables
from billing_assets.landing.files import FileTotals, LandedFile
from billing_assets.landing.load import LoadSummary, load
from billing_assets.landing.quarantine import Fault, QuarantinedRow
from billing_assets.landing.register import Registration, register
from billing_assets.ledger import Ledger
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse

FIRST_NIGHT = date(2026, 4, 1)


class CountingMeter:
    """Accepts every line of a usage file, keeps the contract with `load`, and notes what it was handed."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, list[str]]] = []

    def __call__(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Sequence[LandedFile],
        *,
        batch: int,
        as_of: date,
        **_: object,
    ) -> None:
        self.calls.append((batch, [file.path for file in files]))
        for file in files:
            rows = len(file.absolute.read_bytes().splitlines())
            totals = FileTotals(records=rows, quantity=Decimal(rows))
            disagreement = manifests.disagreement(file.manifest, totals) if file.manifest else None
            if disagreement:
                fault = Fault("manifest", disagreement)
                row = QuarantinedRow(file.file_sequence, file.path, file.sha256, file.source, fault)
                quarantine.write(connection, [row])
            accepted = 0 if disagreement else rows
            tables.append(
                connection,
                "raw_landing.conservation",
                [
                    {
                        "file_sequence": file.file_sequence,
                        "path": file.path,
                        "sha256": file.sha256,
                        "source": file.source,
                        "received": rows,
                        "accepted": accepted,
                        "duplicate": 0,
                        "conflict": 0,
                        "quarantined": rows - accepted,
                        "units_received": json.dumps({"tokens": str(rows)}),
                        "units_accepted": json.dumps({"tokens": str(accepted)}),
                    }
                ],
            )


class World:
    """One landing zone and one home; nights are run one after the other."""

    def __init__(self, folder: Path, zone: Path | None = None) -> None:
        self.zone = zone or folder / "zone"
        self.home = folder / "home"
        self.zone.mkdir(parents=True, exist_ok=True)
        self.meter = CountingMeter()
        self.nights = 0
        self.home.mkdir(parents=True)
        self.ledger = Ledger.open(self.settings().resolved_ledger_url)

    def put(self, path: str, content: str | bytes) -> Path:
        file = self.zone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def settings(self, as_of: date | None = None) -> Settings:
        return Settings(landing=self.zone, home=self.home, as_of=as_of or FIRST_NIGHT)

    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings().warehouse_path, threads=1)

    def register(self, as_of: date | None = None) -> Registration:
        return register(self.settings(as_of), self.ledger)

    def load(self) -> LoadSummary:
        return load(self.settings(), self.ledger, self.warehouse(), self.meter)

    def night(self) -> LoadSummary:
        self.nights += 1
        self.register(date(2026, 4, self.nights))
        return self.load()

    def forget_derived(self) -> None:
        """Delete what may be deleted at any time."""
        self.settings().warehouse_path.unlink()
        (self.home / "fingerprints.json").unlink()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse().reader() as connection:
            return connection.execute(sql).fetchall()

    def registered(self) -> list[tuple[str, str]]:
        return [(entry.path, entry.status) for entry in self.ledger.registered()]

    def statuses(self) -> dict[str, str]:
        """Status by path; of the version registered last where a path has several."""
        return dict(self.query("select path, status from raw_landing.files order by file_sequence"))

    def quarantine(self) -> list[tuple[str, int | None, str, str]]:
        return self.query(
            "select path, line, code, reason from raw_landing.quarantine order by file_sequence, line nulls first"
        )

    def conservation(self) -> dict[str, tuple[int, ...]]:
        """received, accepted, duplicate, conflict, quarantined by path."""
        rows = self.query(
            "select path, received, accepted, duplicate, conflict, quarantined from raw_landing.conservation"
            " order by file_sequence"
        )
        return {row[0]: row[1:] for row in rows}

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every raw table, sorted: two warehouses are the same when this is."""
        with self.warehouse().reader() as connection:
            names = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables()"
                " where schema_name like 'raw%' order by all"
            ).fetchall()
            return {name: connection.execute(f"select * from {name} order by all").fetchall() for (name,) in names}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.ledger.close()
