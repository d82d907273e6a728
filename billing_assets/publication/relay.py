"""Delivers the outbox: every item reaches its target exactly once, whatever was interrupted before.

An item that may have been sent (planned or sent, and nothing after it) is unknown: the target is asked what it holds
before anything is sent again. Each batch ends with a comparison of control totals; a difference is reported, never
repaired in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_assets.ledger import Attempt, Ledger, LedgerError, OutboxItem, RunIdentity
from billing_assets.ledger.canonical import sha256_text
from billing_assets.publication.targets import ControlTotal, Target

_NONE = ControlTotal(0, Decimal(0))


@dataclass(frozen=True)
class ControlDifference:
    """A batch of which the target says it has something else than was issued."""

    target: str
    batch: int
    currency: str
    issued: ControlTotal
    held: ControlTotal

    def __str__(self) -> str:
        return (
            f"{self.target} batch {self.batch} {self.currency}: issued {self.issued.documents} documents "
            f"{self.issued.amount:f}, the target has {self.held.documents} documents {self.held.amount:f}"
        )


@dataclass(frozen=True)
class DeliverySummary:
    """What one target was given by one call. `left` items are neither confirmed nor rejected."""

    target: str
    batches: int = 0
    confirmed: int = 0
    rejected: tuple[str, ...] = ()  # item keys; they wait for a person
    left: int = 0
    differences: tuple[ControlDifference, ...] = ()

    def __str__(self) -> str:
        text = f"{self.target}: {self.confirmed} confirmed in {self.batches} batches"
        for count, word in (
            (len(self.rejected), "rejected"),
            (self.left, "left"),
            (len(self.differences), "control-total differences"),
        ):
            text += f", {count} {word}" if count else ""
        return text


def deliver(
    ledger: Ledger, targets: Sequence[Target], as_of: date, run: RunIdentity | None = None
) -> list[DeliverySummary]:
    """Send what each target has not confirmed yet, batch by batch, one summary a target.

    May be killed anywhere and called again. Raises LedgerError where the outbox is not as it was written.
    """
    return [_Relay(ledger, target, as_of, run).deliver() for target in targets]


class _Relay:
    """One target's turn."""

    def __init__(self, ledger: Ledger, target: Target, as_of: date, run: RunIdentity | None) -> None:
        self._ledger = ledger
        self._target = target
        self._as_of = as_of
        self._run = run

    def deliver(self) -> DeliverySummary:
        batches = self._ledger.open_batches(self._target.name)
        confirmed, left = 0, 0
        rejected: list[str] = []
        differences: list[ControlDifference] = []
        for batch in batches:
            before = {item.item_key: item.state for item in self._items(batch)}
            self._deliver_batch(batch)
            items = self._items(batch)
            changed = [item for item in items if before[item.item_key] != item.state]
            confirmed += sum(item.state == "confirmed" for item in changed)
            rejected += [item.item_key for item in items if item.state == "rejected"]
            left += sum(item.state not in ("confirmed", "rejected") for item in items)
            differences += self._differences(batch, items)
        return DeliverySummary(self._target.name, len(batches), confirmed, tuple(rejected), left, tuple(differences))

    def _deliver_batch(self, batch: int) -> None:
        interrupted = [item for item in self._items(batch) if item.state in ("planned", "sent")]
        self._record([Attempt(item.item_key, "unknown", "no outcome was recorded") for item in interrupted])

        items = self._items(batch)
        unknown = [item for item in items if item.state == "unknown"]
        held = self._target.read_back(unknown) if unknown else {}
        to_send = [
            item for item in items if item.state == "new" or (item.state == "unknown" and item.item_key not in held)
        ]
        for portion in self._target.plan(to_send):
            self._send(portion)

        # What was rejected is not part of what the target has to show; a batch of nothing else is not closed.
        accepted = [item for item in self._items(batch) if item.state != "rejected"]
        if accepted:
            self._target.close(accepted)
            self._confirm([item for item in accepted if item.state in ("sent", "unknown")])

    def _send(self, portion: Sequence[OutboxItem]) -> None:
        payloads = self._ledger.payloads([item.item_key for item in portion])
        for item in portion:
            if sha256_text(payloads[item.item_key]) != item.payload_hash:
                raise LedgerError(
                    f"{item.item_key} is not what was issued: nothing is sent; run `billing audit verify`"
                )
        self._record([Attempt(item.item_key, "planned") for item in portion])
        self._record(self._target.send(portion, payloads))

    def _confirm(self, items: Sequence[OutboxItem]) -> None:
        held = self._target.read_back(items)
        outcomes = []
        for item in items:
            found = held.get(item.item_key)
            if found == item.payload_hash:
                outcomes.append(Attempt(item.item_key, "confirmed"))
            elif found is not None:
                outcomes.append(Attempt(item.item_key, "rejected", "the target holds other content"))
            elif item.state == "sent":
                outcomes.append(Attempt(item.item_key, "unknown", "sent, and the target does not hold it"))
        self._record(outcomes)

    def _differences(self, batch: int, items: Sequence[OutboxItem]) -> list[ControlDifference]:
        """Compared with everything issued in the batch: what was rejected is missing at the target."""
        issued: dict[str, ControlTotal] = {}
        for item in items:
            total = issued.get(item.currency, _NONE)
            issued[item.currency] = ControlTotal(total.documents + 1, total.amount + item.total)
        held = self._target.totals(items)
        return [
            ControlDifference(
                self._target.name, batch, currency, issued.get(currency, _NONE), held.get(currency, _NONE)
            )
            for currency in sorted(issued.keys() | held.keys())
            if issued.get(currency, _NONE) != held.get(currency, _NONE)
        ]

    def _items(self, batch: int) -> list[OutboxItem]:
        return self._ledger.outbox_items(self._target.name, batch)

    def _record(self, attempts: Sequence[Attempt]) -> None:
        if attempts:
            self._ledger.record_attempts(attempts, self._as_of, self._run)
