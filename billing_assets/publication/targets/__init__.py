"""What the relay asks of a target. One module a target; what it knows of the outside system stays in that module.

A target never decides what is sent: it is given items of the ledger's outbox, which only issuing can write. It must
take the same item twice and keep it once, and it must be able to say what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from billing_assets.ledger import Attempt, OutboxItem


@dataclass(frozen=True)
class ControlTotal:
    """Documents and money of one currency."""

    documents: int
    amount: Decimal


class Target(Protocol):
    """A system that issued documents are published to."""

    @property
    def name(self) -> str:
        """The target's name in the outbox."""

    def plan(self, items: Sequence[OutboxItem]) -> list[Sequence[OutboxItem]]:
        """`items` in the portions that are sent at a time."""

    def send(self, items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        """Send one portion; says of every item sent, unknown or rejected. `payloads` is by item key."""

    def close(self, items: Sequence[OutboxItem]) -> None:
        """The whole batch has been sent: write what belongs to it as a whole. May be called again."""

    def read_back(self, items: Sequence[OutboxItem]) -> dict[str, str]:
        """item key -> hash of the payload the target holds, for the items that it holds."""

    def totals(self, items: Sequence[OutboxItem]) -> dict[str, ControlTotal]:
        """currency -> what the target says it has of this batch."""
