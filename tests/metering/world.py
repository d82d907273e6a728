"""A small usage world: files written, landed in batches, and metered into a warehouse of its own."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from billing_assets.landing import tables
from billing_assets.landing.files import LandedFile, Manifest
from billing_assets.metering.meter import meter_batch

AS_OF = date(2026, 3, 10)


def event(event_id: str, quantity: object = "1", **changes: Any) -> dict[str, Any]:
    """One CloudEvent; `data` holds more properties, other names replace attributes."""
    data = {"quantity": quantity, **changes.pop("data", {})}
    attributes = {
        "id": event_id,
        "source": "gateway",
        "type": "tokens",
        "subject": "A-1",
        "time": "2026-03-10T10:15:00Z",
    }
    return {**attributes, **changes, "data": data}


def lines(*events: Mapping[str, Any] | str) -> bytes:
    """JSON Lines of events, or of texts as they are."""
    return "".join(f"{e if isinstance(e, str) else json.dumps(e)}\n" for e in events).encode()


class World:
    """One warehouse and lake. Batches are numbered from 1; file sequences are given in order of landing."""

    def __init__(self, folder: Path, threads: int = 2, lookback_days: int = 40) -> None:
        self.folder = folder
        self.lake = folder / "lake"
        self.threads = threads
        self.lookback_days = lookback_days
        self.connection = duckdb.connect(":memory:", config={"threads": str(threads)})
        self.connection.execute("set TimeZone = 'UTC'")
        tables.create(self.connection)
        self.batch = 0
        self.files: list[LandedFile] = []

    def charge(
        self,
        meter: str = "tokens",
        *,
        aggregation: str | None = "sum",
        contract: str = "C-1",
        account: str = "A-1",
        zone: str = "UTC",
        model: str = "unit",
        read_property: str | None = None,
        group_by: Sequence[str] = (),
        filters: Mapping[str, str] | None = None,
    ) -> None:
        """A contract with one charge, as landing leaves it in raw_contracts."""
        key = {"contract_id": contract, "version": 1, "charge_id": "charge"}
        self._insert(
            "versions", contract_id=contract, version=1, account_id=account, timezone=zone, file_sequence=0, line=1
        )
        self._insert(
            "charges", **key, meter=meter, aggregation=aggregation, property=read_property, model=model, type="usage"
        )
        for position, name in enumerate(group_by):
            self._insert("charge_group_by", **key, property=name, position=position)
        for name, value in (filters or {}).items():
            self._insert("charge_filters", **key, property=name, value=value)

    def grant(self, contract: str, **moments: object) -> None:
        """A credit grant of a contract, with its moments as given."""
        self._insert("grants", contract_id=contract, version=1, grant_id="grant", **moments)

    def _insert(self, table: str, **values: object) -> None:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self.connection.execute(f"insert into raw_contracts.{table} ({names}) values ({marks})", list(values.values()))

    def land(
        self,
        contents: Mapping[str, bytes],
        *,
        as_of: date = AS_OF,
        manifests: Mapping[str, Manifest] | None = None,
    ) -> None:
        """Write the files of the next batch, in the order given, and meter them."""
        self.batch += 1
        files = []
        for name, content in contents.items():
            path = self.folder / "landing" / "usage" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            plain = gzip.decompress(content) if name.endswith(".gz") else content
            files.append(
                LandedFile(
                    file_sequence=len(self.files) + len(files) + 1,
                    batch=self.batch,
                    first_seen=as_of,
                    path=f"usage/{name}",
                    absolute=path,
                    sha256=hashlib.sha256(plain).hexdigest(),
                    landed_sha256=hashlib.sha256(content).hexdigest(),
                    size_bytes=len(content),
                    source="usage",
                    status="registered",
                    manifest=(manifests or {}).get(name),
                )
            )
        self.files += files
        self.meter(files, as_of)

    def meter(self, files: Sequence[LandedFile], as_of: date = AS_OF) -> None:
        """Meter files as the current batch, in a transaction as `landing.load` does."""
        self.connection.begin()
        try:
            self.connection.executemany(
                "insert or replace into raw_landing.files (file_sequence, batch, path, source) values (?, ?, ?, ?)",
                [(file.file_sequence, file.batch, file.path, file.source) for file in files],
            ) if files else None
            meter_batch(
                self.connection,
                [replace(file, batch=self.batch) for file in files],
                batch=self.batch,
                as_of=as_of,
                lake=self.lake,
                threads=self.threads,
                lookback_days=self.lookback_days,
                progress=lambda _: None,
            )
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def quarantine(self) -> list[tuple[Any, ...]]:
        """(file_sequence, line, code) of everything set aside, in order."""
        return self.rows("select file_sequence, line, code from raw_landing.quarantine order by all")

    def events(self) -> list[tuple[str, Decimal]]:
        """(event id, quantity) of the events that the lake holds."""
        paths = [str(self.lake / path) for (path,) in self.rows("select path from raw_metering.lake_parts")]
        if not paths:
            return []
        return self.connection.execute(
            "select event_id, quantity from read_parquet(?, hive_partitioning = false) order by all", [paths]
        ).fetchall()

    def counts(self) -> list[tuple[int, ...]]:
        """(received, accepted, duplicate, conflict, quarantined) of each file, in order."""
        return self.rows(
            "select received, accepted, duplicate, conflict, quarantined from raw_landing.conservation"
            " order by file_sequence"
        )

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row that metering leaves behind, in a total order."""
        listed = self.rows("from raw_metering.lake_parts order by all")
        return {
            "lake_parts": listed,
            "lake_bytes": [(row[2], hashlib.sha256((self.lake / row[2]).read_bytes()).hexdigest()) for row in listed],
            **{
                table: self.rows(f"from {table} order by all")
                for table in (
                    "raw_metering.usage_buckets",
                    "raw_metering.unique_values",
                    "raw_metering.dimensions",
                    "raw_metering.measures",
                    "raw_metering.extras",
                    "raw_metering.file_accounts",
                    "raw_landing.conservation",
                    "raw_landing.quarantine",
                )
            },
        }
