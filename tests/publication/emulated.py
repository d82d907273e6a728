"""A NetSuite account on loopback and the target that publishes to it, and time that passes without waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from billing_assets.ledger import IssueRequest, Ledger
from billing_assets.publication.targets import Target, registry
from billing_assets.settings import Settings
from billing_assets.simulation.emulators.netsuite import Faults, NetSuiteEmulator
from tests.ledger.builders import OPEN, RUN, line, memo, ordered, request

MAP = {
    "entities": {},
    "subsidiaries": {"US01": 1, "DE01": 2},
    "currencies": {"USD": 1, "EUR": 4},
    "posting_periods": {"2026-03": 31, "2026-02": 30},
    "items": {"product:model-a": 501, "line_kind:tax": 900, "line_kind:usage": 500},
}
# What a bad week on the network looks like: one request in four or five meets something.
BAD_WEEK = Faults(
    drop=0.03,
    error_before=0.03,
    error_after=0.03,
    lost=0.03,
    throttle=0.03,
    duplicate=0.03,
    delay=0.03,
    delay_seconds=0.005,
    invisible=0.05,
    token_uses=500,
    concurrency=5,
)


class Time:
    """A timer that never waits, shared by threads."""

    def __init__(self) -> None:
        self.waited = 0.0
        self._lock = threading.Lock()

    def elapsed(self) -> float:
        return self.waited

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.waited += seconds


@cache
def private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@dataclass
class Account:
    """An emulator that answers at `url`, and what a target needs to reach it."""

    emulator: NetSuiteEmulator
    url: str
    folder: Path
    timer: Time = field(default_factory=Time)

    def environment(self, **changes: str) -> dict[str, str]:
        path = self.folder / "map.json"
        if not path.exists():
            entities = {f"A-C-{number}": str(7_000 + number) for number in range(6_000)}
            path.write_text(json.dumps({**MAP, "entities": entities}))
        return {
            "BILLING_NETSUITE_URL": self.url,
            "BILLING_NETSUITE_CLIENT_ID": "client",
            "BILLING_NETSUITE_CERTIFICATE_ID": "certificate",
            "BILLING_NETSUITE_PRIVATE_KEY": pem(private_key()),
            "BILLING_NETSUITE_MAP": str(path),
            "BILLING_NETSUITE_PER_SECOND": "1000",
            **changes,
        }

    def target(self, **changes: str) -> Target:
        settings = Settings(home=self.folder, targets=("netsuite",))
        [built] = registry.build(settings, environment=self.environment(**changes), timer=self.timer)
        return built


@contextmanager
def account(folder: Path, faults: Faults | None = None) -> Iterator[Account]:
    emulator = NetSuiteEmulator(private_key().public_key(), "client", "certificate", faults)
    with emulator.serve() as url:
        yield Account(emulator, url, folder)


def documents(count: int, lines: int = 2) -> list[IssueRequest]:
    """Invoices of different amounts in two currencies."""
    made = []
    for number in range(count):
        entity, currency = ("DE01", "EUR") if number % 7 == 3 else ("US01", "USD")
        parts = [Decimal(number % 97) + Decimal(position) / 100 for position in range(1, lines + 1)]
        total = sum(parts, Decimal(0))
        made.append(
            request(
                f"C-{number}",
                selling_entity=entity,
                currency=currency,
                subtotal=total,
                tax=Decimal(0),
                total=total,
                lines=tuple(
                    line(position, str(part), currency=currency) for position, part in enumerate(parts, start=1)
                ),
            )
        )
    return made


def issue(ledger: Ledger, requests: Sequence[IssueRequest]) -> None:
    ledger.issue(requests, ["netsuite"], OPEN, RUN)


def credit_memo(ledger: Ledger, contract: str, amount: str = "100") -> IssueRequest:
    """A credit memo, asked for and approved, of `amount` of the first line of `request(contract)`."""
    document_id = f"{contract}/2026-04-01/invoice/0"
    decision = ordered(ledger, "credit", document_id, amount, reason_code="goodwill")
    corrected = ledger.document(document_id)
    assert corrected is not None
    return memo(corrected, decision, {1: amount})
