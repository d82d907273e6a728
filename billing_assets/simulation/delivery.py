"""How simulated usage travels: daily files per gateway, their formats and manifests, what is sent twice, what is lost.

Bytes depend on nothing but the rows: gzip without time and name, one order, LF line ends. (Compressed bytes may
differ between builds of zlib, Parquet bytes between versions of pyarrow; the rows in them do not.)
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from billing_assets.simulation.arrivals import at
from billing_assets.simulation.usage import Event, source_of

COLUMNS = ("event_id", "source", "event_type", "account_id", "event_time", "quantity", "properties")
# The European gateway stamps local time with its offset; the other ones UTC.
GATEWAY_ZONES = {
    "gateway-us": ZoneInfo("UTC"),
    "gateway-eu": ZoneInfo("Europe/Berlin"),
    "gateway-aws": ZoneInfo("UTC"),
}


class Format(Enum):
    """Container of a usage file; the value is its suffix."""

    JSON_LINES = ".jsonl.gz"
    CSV = ".csv.gz"
    PARQUET = ".parquet"


class Fate(Enum):
    """What became of a file on its way."""

    ARRIVED = "arrived"
    LOST = "lost"  # never lands; its sequence number is missing
    TRUNCATED = "truncated"  # the gzip stream is cut
    MISCOUNTED = "miscounted"  # the manifest tells of more rows and units
    LATIN_1 = "latin-1"  # not UTF-8


@dataclass(frozen=True)
class UsageFile:
    """One day's file of one gateway."""

    gateway: str
    day: date
    rows: list[Event]
    format: Format
    fate: Fate
    sequence: int
    suffix: str = ""

    @property
    def path(self) -> str:
        name = f"{self.gateway}-{self.day.isoformat()}{self.suffix}{self.format.value}"
        return f"usage/{self.gateway}/{self.day:%Y-%m}/{name}"


def format_on(gateway: str, day: date, months: int) -> Format:
    """JSON Lines mainly; the European gateway sends CSV in every third month and Parquet early in the next."""
    if gateway == "gateway-eu" and months % 3 == 1:
        return Format.CSV
    if gateway == "gateway-eu" and months % 3 == 2 and day.day < 10:
        return Format.PARQUET
    return Format.JSON_LINES


def pack(
    sent: Iterable[Event], first_day: date, fates: dict[tuple[str, date], Fate], whole: set[tuple[str, date]]
) -> list[UsageFile]:
    """Events into files, by gateway and day of delivery; `whole` files are sent once more, row by row, as CSV.

    In a file the day's own rows come first, then late ones, then repeated ones. Sequences count from 1 per
    gateway and pass over lost files, as a producer that numbers what it sends would.
    """
    own: dict[tuple[str, date], list[Event]] = defaultdict(list)
    late: dict[tuple[str, date], list[Event]] = defaultdict(list)
    again: dict[tuple[str, date], list[Event]] = defaultdict(list)
    for event in sent:
        (own if event.delivered == event.day else late)[event.gateway, event.delivered].append(event)
        if event.again:
            again[event.gateway, event.again].append(replace(event, fault_id=None))
    keys = sorted(own.keys() | late.keys() | again.keys())
    files: list[UsageFile] = []
    sequence: dict[str, int] = defaultdict(int)
    for gateway, day in keys:
        sequence[gateway] += 1
        months = (day.year - first_day.year) * 12 + day.month - first_day.month
        rows = sorted(own[gateway, day], key=lambda e: (e.day, e.ms)) + late[gateway, day] + again[gateway, day]
        fate = fates.get((gateway, day), Fate.ARRIVED)
        kind = format_on(gateway, day, months)
        files.append(UsageFile(gateway, day, rows, kind, fate, sequence[gateway]))
        if (gateway, day) in whole:
            sequence[gateway] += 1
            copies = [replace(row, fault_id=None) for row in rows]
            files.append(UsageFile(gateway, day, copies, Format.CSV, Fate.ARRIVED, sequence[gateway], ".resent"))
    return files


def time_text(event: Event) -> str:
    if event.time is not None:
        return event.time
    moment = at(event.day, event.ms).astimezone(GATEWAY_ZONES[event.gateway])
    text = moment.isoformat(timespec="milliseconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def json_line(event: Event) -> str:
    if event.text is not None:
        return event.text
    data = dict(event.properties) if event.quantity is None else {"quantity": event.quantity, **event.properties}
    document = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source_of(event.gateway),
        "type": event.meter,
        "subject": event.subject,
        "time": time_text(event),
        "data": data,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def flat_row(event: Event) -> list[str]:
    quantity = "" if event.quantity is None else str(event.quantity)
    properties = json.dumps(event.properties, separators=(",", ":"), ensure_ascii=False)
    return [
        event.event_id,
        source_of(event.gateway),
        event.meter,
        event.subject,
        time_text(event),
        quantity,
        properties,
    ]


def csv_text(rows: list[Event]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for event in rows:
        if event.text is not None:
            buffer.write(event.text + "\n")
        else:
            writer.writerow(flat_row(event))
    return buffer.getvalue()


def squeeze(content: bytes) -> bytes:
    """gzip with neither time nor name in its header."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=9) as packed:
        packed.write(content)
    return buffer.getvalue()


def parquet_bytes(rows: list[Event]) -> bytes:
    """The flat columns: time as UTC timestamp, quantity as DECIMAL(20, 2), properties as JSON text."""
    flat = [flat_row(event) for event in rows]
    table = pa.table(
        {
            **{name: pa.array([row[n] for row in flat], pa.string()) for n, name in enumerate(COLUMNS[:4])},
            "event_time": pa.array([at(row.day, row.ms) for row in rows], pa.timestamp("us", tz="UTC")),
            "quantity": pa.array([Decimal(row[5]) for row in flat], pa.decimal128(20, 2)),
            "properties": pa.array([row[6] for row in flat], pa.string()),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue()


def content_of(file: UsageFile) -> bytes:
    """The bytes of the file as they land."""
    if file.format is Format.PARQUET:
        return parquet_bytes(file.rows)
    in_json = file.format is Format.JSON_LINES
    text = "".join(json_line(event) + "\n" for event in file.rows) if in_json else csv_text(file.rows)
    if file.fate is Fate.LATIN_1:
        return squeeze(text.encode("latin-1"))
    packed = squeeze(text.encode("utf-8"))
    return packed[: len(packed) * 3 // 4] if file.fate is Fate.TRUNCATED else packed


def manifest_of(file: UsageFile, content: bytes) -> dict[str, Any]:
    """What the gateway says of the file. A file with rows that cannot be read has no totals of units and times."""
    manifest: dict[str, Any] = {"records": len(file.rows)}
    quantities = [_quantity(event) for event in file.rows]
    if all(quantity is not None for quantity in quantities):
        total = sum((q for q in quantities if q is not None), Decimal(0))
        times = [at(event.day, event.ms).astimezone(UTC) for event in file.rows]
        manifest["quantity"] = str(total)
        manifest["min_time"] = _utc(min(times))
        manifest["max_time"] = _utc(max(times))
    if file.fate is Fate.MISCOUNTED:
        manifest["records"] += 7
        manifest["quantity"] = str(Decimal(manifest["quantity"]) + 4096)
    # The gateway hashed what it sent: a stream that was cut on its way does not agree.
    whole = content_of(replace(file, fate=Fate.ARRIVED)) if file.fate is Fate.TRUNCATED else content
    manifest["sha256"] = hashlib.sha256(whole).hexdigest()
    manifest["producer"] = file.gateway
    manifest["sequence"] = file.sequence
    return manifest


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quantity(event: Event) -> Decimal | None:
    """The row's quantity if the row is whole; None for a row that a fault has spoilt."""
    if event.text is not None or event.time is not None or event.quantity is None:
        return None
    if any(isinstance(value, dict | list) for value in event.properties.values()):
        return None
    try:
        quantity = Decimal(str(event.quantity))
    except InvalidOperation:
        return None
    plain = str(event.quantity).lstrip("-").replace(".", "").isdigit()
    return quantity if plain and quantity.is_finite() and -quantity.as_tuple().exponent <= 12 else None  # type: ignore[operator]


def write_usage(root: Path, files: list[UsageFile], resent: set[tuple[str, date]]) -> dict[str, list[Event]]:
    """Write every file that lands, and its manifest; `resent` ones land again byte for byte under another name.

    Returns path -> rows in file order for all files, lost ones included.
    """
    rows: dict[str, list[Event]] = {}
    for file in files:
        rows[file.path] = file.rows
        if file.fate is Fate.LOST:
            continue
        content = content_of(file)
        manifest = json.dumps(manifest_of(file, content), indent=1).encode() + b"\n"
        names = [file.path]
        if (file.gateway, file.day) in resent and not file.suffix:
            names.append(file.path.replace(file.format.value, ".copy" + file.format.value))
        for name in names:
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.with_name(target.name + ".manifest.json").write_bytes(manifest)
    return rows


def write_json(root: Path, name: str, document: dict[str, Any]) -> None:
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def write_rows(target: Path, rows: list[dict[str, str]], columns: Iterable[str]) -> None:
    """A CSV with LF line ends and these columns."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
