"""Landed files as the oracle reads them: contract documents, suspensions, and usage events without duplicates."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Json = dict[str, Any]


@dataclass(frozen=True)
class Event:
    event_id: str
    source: str
    meter: str
    subject: str
    time: datetime  # UTC
    quantity: Fraction  # 1 where the file has none
    properties: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        return dict(self.properties).get(name)


@dataclass(frozen=True)
class Suspension:
    contract_id: str
    product: str
    start: date
    end: date | None


def contracts(root: Path) -> dict[str, list[Json]]:
    """Versions of each contract, oldest first."""
    found: dict[str, list[Json]] = {}
    for path in sorted((root / "contracts").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(document["contract_id"], []).append(document)
    return {key: sorted(found[key], key=lambda document: document["version"]) for key in sorted(found)}


def suspensions(root: Path) -> list[Suspension]:
    found = []
    for path in sorted((root / "provisioning").glob("*.csv")):
        for row in csv.DictReader(path.open(encoding="utf-8", newline="")):
            if row["status"] == "suspended":
                end = date.fromisoformat(row["valid_to"]) if row["valid_to"] else None
                start = date.fromisoformat(row["valid_from"])
                found.append(Suspension(row["contract_id"], row["product"], start, end))
    return found


def events(root: Path) -> list[Event]:
    """Events in time order; of two with one key the one landed first (path bytes, then line) stands."""
    standing: dict[tuple[str, str], Event] = {}
    for path in sorted((root / "usage").rglob("*.*"), key=lambda path: str(path.relative_to(root)).encode()):
        for event in _read(path):
            standing.setdefault((event.source, event.event_id), event)
    return sorted(standing.values(), key=lambda event: (event.time, event.source, event.event_id))


def _read(path: Path) -> Iterator[Event]:
    if path.suffix == ".jsonl":
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            data = dict(row["data"])
            quantity = data.pop("quantity", None)
            yield _event(row["id"], row["source"], row["type"], row["subject"], row["time"], quantity, data)
        return
    table = path.suffix == ".parquet"
    rows = pq.read_table(path).to_pylist() if table else csv.DictReader(path.open(encoding="utf-8", newline=""))
    for row in rows:
        data = json.loads(row["properties"] or "{}")
        who = row["event_id"], row["source"], row["event_type"], row["account_id"]
        yield _event(*who, row["event_time"], row["quantity"], data)


def _event(event_id: str, source: str, meter: str, subject: str, time: str, quantity: Any, properties: Json) -> Event:
    moment = datetime.fromisoformat(time).astimezone(UTC)
    count = Fraction(1) if quantity in {None, ""} else Fraction(str(quantity))
    texts = tuple(sorted((name, str(value)) for name, value in properties.items()))
    return Event(event_id, source, meter, subject, moment, count, texts)
