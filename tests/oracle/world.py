"""A generated landing zone: what is landed, and the files it is written to. `constructs` fills it.

The contract id begins with the construct's name, so a difference names what it is about. Same seed, same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

Json = dict[str, Any]

AS_OF = date(2026, 4, 3)
FIRST = date(2026, 1, 1)
SETTINGS = [
    ("USD", "America/New_York"),
    ("EUR", "Europe/Berlin"),
    ("JPY", "Asia/Kolkata"),
    ("KWD", "UTC"),
    ("USD", "UTC"),
    ("EUR", "UTC"),
    ("USD", "Asia/Kolkata"),
    ("JPY", "America/New_York"),
]
# What one dollar's worth of price becomes, and the decimals an amount of money has.
SCALE = {"USD": (Decimal(1), 2), "EUR": (Decimal(1), 2), "JPY": (Decimal(100), 0), "KWD": (Decimal("0.3"), 3)}


@dataclass
class Landing:
    """Contracts, suspensions and events that are to be written as files."""

    rng: Random
    turn: int = 0  # with which of the settings the first contract begins
    contracts: list[Json] = field(default_factory=list)
    entitlements: list[list[str]] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)

    def settings(self) -> tuple[str, str]:
        return SETTINGS[(len({c["contract_id"] for c in self.contracts}) + self.turn) % len(SETTINGS)]

    def contract(self, construct: str, charges: list[Json], **terms: Any) -> Json:
        """The next contract: entity, currency and zone follow from its place in the list."""
        place = len({c["contract_id"] for c in self.contracts})
        currency, zone = self.settings()
        name = f"{construct}-{place:02d}"
        billing = {"frequency": "monthly", "every": 1, "anchor_date": "2026-01-01", "payment_terms_days": 30}
        billing |= terms.pop("billing", {})
        document: Json = {
            "contract_id": name,
            "version": 1,
            "effective_from": terms.get("starts_on", "2026-01-01"),
            "signed_at": "2025-12-18T16:00:00Z",
            "account": {
                "account_id": f"A-{name}",
                "name": f"Account of {name}",
                "country": "US",
                "currency": currency,
                "organizations": [f"org-{name}-a", f"org-{name}-b"],
            },
            "channel": "direct",
            "selling_entity": ["US01", "DE01"][place % 2],
            "currency": currency,
            "timezone": zone,
            "starts_on": "2026-01-01",
            "ends_on": None,
            "billing": billing,
            "charges": charges,
            "commitments": [],
            "credit_grants": [],
            "discounts": [],
            "taxes": [],
        } | terms
        self.contracts.append(document)
        return document

    def amend(self, document: Json, effective_from: str, **terms: Any) -> Json:
        later = document | {"version": document["version"] + 1, "effective_from": effective_from} | terms
        self.contracts.append(later)
        return later

    def suspend(self, document: Json, product: str, start: str, end: str) -> None:
        """Served but for [start, end)."""
        account = document["account"]
        for status, opens, closes in (
            ("provisioned", "2026-01-01", start),
            ("suspended", start, end),
            ("provisioned", end, ""),
        ):
            self.entitlements.append(
                [
                    account["organizations"][0],
                    account["account_id"],
                    document["contract_id"],
                    product,
                    status,
                    "1",
                    opens,
                    closes,
                ]
            )

    def amount(self, dollars: str) -> str:
        """Money of the next contract's currency."""
        scale, places = SCALE[self.settings()[0]]
        return str((Decimal(dollars) * scale).quantize(Decimal(1).scaleb(-places)))

    def unit(self, dollars: str) -> str:
        """A unit price of the next contract's currency: more decimals than money has."""
        return str(Decimal(dollars) * SCALE[self.settings()[0]][0])

    def use(
        self, document: Json, meter: str, quantities: Iterable[Any], start: str = "2026-01-01", **properties: Any
    ) -> None:
        """One event per quantity at a random moment from `start` on; a property given as a list is chosen from."""
        opens = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(document["timezone"]))
        length = (datetime(2026, 4, 3, tzinfo=UTC) - opens).total_seconds()
        for quantity in quantities:
            chosen = {
                name: self.rng.choice(value) if isinstance(value, list) else value for name, value in properties.items()
            }
            moment = opens + timedelta(
                seconds=int(self.rng.random() * length), microseconds=self.rng.randrange(1_000_000)
            )
            self.event(document, meter, moment, quantity, **{k: v for k, v in chosen.items() if v is not None})

    def event(self, document: Json, meter: str, moment: datetime, quantity: Any = None, **properties: Any) -> str:
        account = document["account"]
        subject = self.rng.choice([account["account_id"], *account["organizations"]])
        name = f"e{len(self.events):06d}"
        zone = UTC if self.rng.random() < 0.7 else ZoneInfo(document["timezone"])
        time = moment.astimezone(zone).isoformat().replace("+00:00", "Z")
        data = properties if quantity is None else {"quantity": quantity, **properties}
        self.events.append(
            {
                "specversion": "1.0",
                "id": name,
                "source": f"/{meter}",
                "type": meter,
                "subject": subject,
                "time": time,
                "data": data,
            }
        )
        return name

    def numbers(self, count: int, low: int, high: int, places: int = 0) -> Iterator[str]:
        for _ in range(count):
            yield str(Decimal(self.rng.randrange(low * 10**places, high * 10**places)).scaleb(-places))


def write(at: Landing, root: Path) -> Path:
    """The zone as files: events in JSON Lines by month, a CSV, a Parquet file and a late file, some of them twice."""
    for document in at.contracts:
        _put(root / f"contracts/{document['contract_id']}-v{document['version']}.json", json.dumps(document))
    header = "organization_id,account_id,contract_id,product,status,quantity,valid_from,valid_to\n"
    _put(root / "provisioning/entitlements.csv", header + "".join(",".join(row) + "\n" for row in at.entitlements))
    files: dict[str, list[Json]] = {}
    names = [
        "gateway/{}.jsonl",
        "gateway/{}.jsonl",
        "gateway/{}.jsonl",
        "batch/export.csv",
        "lake/events.parquet",
        "late/late.jsonl",
    ]
    for event in at.events:
        name = at.rng.choice(names).format(event["time"][:7])
        files.setdefault(name, []).append(event)
        if at.rng.random() < 0.04:  # sent twice: in another file, with the number and the time written another way
            time = datetime.fromisoformat(event["time"]).astimezone(UTC).isoformat()
            again = event | {"time": time}
            quantity = again["data"].get("quantity")
            if quantity is not None:
                again["data"] = again["data"] | {"quantity": quantity + ("0" if "." in quantity else ".0")}
            files.setdefault("again/retry.jsonl", []).append(again)
    for name, events in files.items():
        path = root / "usage" / name
        if path.suffix == ".jsonl":
            _put(path, "".join(json.dumps(event) + "\n" for event in events))
            continue
        rows = [_flat(event) for event in events]
        if path.suffix == ".csv":
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            _put(path, text.getvalue())
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            for row in rows:
                row["quantity"] = None if row["quantity"] is None else Decimal(row["quantity"])
            kinds = [(name, pa.decimal128(38, 12) if name == "quantity" else pa.string()) for name in rows[0]]
            pq.write_table(pa.Table.from_pylist(rows, pa.schema(kinds)), path)
    return root


def _flat(event: Json) -> Json:
    data = dict(event["data"])
    quantity = data.pop("quantity", None)
    return {
        "event_id": event["id"],
        "source": event["source"],
        "event_type": event["type"],
        "account_id": event["subject"],
        "event_time": event["time"],
        "quantity": quantity,
        "properties": json.dumps(data) if data else None,
    }


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
