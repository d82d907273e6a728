"""A small landing zone written by hand: contracts and usage as plain Python values, files as landing.md has them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def contract(contract_id: str, charges: list[Json], **terms: Any) -> Json:
    """A monthly UTC contract of US01 in USD from 2026-01-01, with the given terms in place of these."""
    document: Json = {
        "contract_id": contract_id,
        "version": 1,
        "effective_from": terms.get("starts_on", "2026-01-01"),
        "signed_at": "2025-12-18T16:00:00Z",
        "account": {
            "account_id": f"A-{contract_id}",
            "name": f"Account of {contract_id}",
            "country": "US",
            "currency": terms.get("currency", "USD"),
            "organizations": [f"org-{contract_id}"],
        },
        "channel": "direct",
        "selling_entity": "US01",
        "currency": "USD",
        "timezone": "UTC",
        "starts_on": "2026-01-01",
        "ends_on": None,
        "billing": {"frequency": "monthly", "every": 1, "anchor_date": "2026-01-01", "payment_terms_days": 30},
        "charges": charges,
        "commitments": [],
        "credit_grants": [],
        "discounts": [],
        "taxes": [],
    }
    billing = terms.pop("billing", {})
    return document | terms | {"billing": document["billing"] | billing}


def usage(charge_id: str, meter: str, price: Json, **terms: Any) -> Json:
    return {"charge_id": charge_id, "product": "api", "type": "usage", "meter": meter, "aggregation": "sum",
            "timing": "arrears", "price": price} | terms  # fmt: skip


def recurring(charge_id: str, quantity: Any, price: Json, timing: str = "advance", **terms: Any) -> Json:
    return {"charge_id": charge_id, "product": "seats", "type": "recurring", "timing": timing, "quantity": quantity,
            "price": price} | terms  # fmt: skip


@dataclass
class World:
    """Contracts and events to land; `write` puts them where a run looks."""

    contracts: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, *documents: Json) -> None:
        self.contracts.extend(documents)

    def event(self, subject: str, meter: str, time: str, quantity: Any = None, **properties: Any) -> None:
        data = dict(properties) if quantity is None else {"quantity": quantity, **properties}
        self.events.append(
            {
                "specversion": "1.0",
                "id": f"e{len(self.events):06d}",
                "source": "/gateway",
                "type": meter,
                "subject": subject,
                "time": time,
                "data": data,
            }
        )

    def write(self, root: Path) -> Path:
        for document in self.contracts:
            self._put(root, f"contracts/{document['contract_id']}-v{document['version']}.json", json.dumps(document))
        lines = "".join(json.dumps(event) + "\n" for event in self.events)
        self._put(root, "usage/gateway/events.jsonl", lines)
        for name, content in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root

    @staticmethod
    def _put(root: Path, name: str, text: str) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def land(root: Path, name: str, events: list[Json], contracts: list[Json]) -> None:
    """A usage file of its own, and contract versions, beside what landed before."""
    usage_file = root / "landing" / "usage" / "gateway" / name
    usage_file.parent.mkdir(parents=True, exist_ok=True)
    usage_file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    folder = root / "landing" / "contracts"
    folder.mkdir(parents=True, exist_ok=True)
    for document in contracts:
        path = folder / f"{document['contract_id']}-v{document['version']}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
