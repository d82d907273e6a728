"""How generated contracts and events land: in which files, in which order, how often, and on which night."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.pricing.contracts import Case, Json, Use

Delivery = Iterable[tuple[str, Case]]  # kind of twin ("base" for none), contract


def write(root: Path, cases: Delivery, *, is_late: bool = False) -> None:
    """What lands on the first night, or (`is_late`) on the second: every other event of the twins that are late."""
    files: defaultdict[str, list[Json]] = defaultdict(list)
    documents = []
    for kind, case in cases:
        documents += [json.dumps(document) for document in case.versions]
        # A twin of other files is sent backwards, too.
        uses = reversed(case.usage) if kind == "files" else case.usage
        for place, use in enumerate(uses):
            if (kind == "late" and place % 2 == 1) is not is_late:
                continue
            event = _event(case, use)
            files[_file(kind, place, event)].append(event)
            if kind == "duplicates" and place % 3 == 0:
                files["again/retry.jsonl"].append(_respelled(event))
                files[_file(kind, place, event)].append(event)
    if not is_late:
        _put(root / "contracts" / "all.json", documents)
    for name, events in files.items():
        path = root / "usage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jsonl":
            _put(path, [json.dumps(event) for event in events])
        else:
            _write_flat(path, [_flat(event) for event in events])


def _file(kind: str, place: int, event: Json) -> str:
    month = event["time"][:7]
    if kind == "files":
        return ["other/export.csv", "other/events.parquet", "other/rest.jsonl"][place % 3]
    return f"late/{month}.jsonl" if kind == "late" and place % 2 == 1 else f"gateway/{month}.jsonl"


def _event(case: Case, use: Use) -> Json:
    return {"specversion": "1.0", "id": f"{case.contract_id}/{use.number}", "source": "/gateway", "type": use.meter,
            "subject": case.document["account"]["account_id"],
            "time": use.moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "data": {"quantity": use.quantity, **dict(use.properties)}}  # fmt: skip


def _respelled(event: Json) -> Json:
    """The same event, its quantity written with another digit and its time with an offset."""
    quantity = f"{Decimal(event['data']['quantity']):f}"
    data = event["data"] | {"quantity": quantity + ("0" if "." in quantity else ".0")}
    return event | {"data": data, "time": event["time"].replace("Z", "+00:00")}


def _flat(event: Json) -> Json:
    data = dict(event["data"])
    return {"event_id": event["id"], "source": event["source"], "event_type": event["type"],
            "account_id": event["subject"], "event_time": event["time"], "quantity": data.pop("quantity"),
            "properties": json.dumps(data)}  # fmt: skip


def _write_flat(path: Path, rows: list[Json]) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as text:
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return
    kinds = [(name, pa.decimal128(38, 12) if name == "quantity" else pa.string()) for name in rows[0]]
    exact = [row | {"quantity": Decimal(row["quantity"])} for row in rows]
    pq.write_table(pa.Table.from_pylist(exact, pa.schema(kinds)), path)


def _put(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
