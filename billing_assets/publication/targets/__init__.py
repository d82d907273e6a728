"""What the relay asks of a target. One module a target; what it knows of the outside system stays in that module.

A target never decides what is sent: it is given items of the ledger's outbox, which only issuing can write. It must
take the same item twice and keep it once, and it must be able to say what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from billing_assets.errors import OperatorError
from billing_assets.ledger import Attempt, ControlTotal, OutboxItem

__all__ = ["Closing", "ControlTotal", "Held", "Payloads", "Target", "TargetUnavailable"]

# Item keys -> what was issued, as canonical JSON, proved to be unchanged. A target that keeps the payload itself
# need not ask for it.
Payloads = Callable[[Sequence[OutboxItem]], Mapping[str, str]]


class TargetUnavailable(OperatorError):
    """The target could not be asked. Nothing is known of what it holds."""


@dataclass(frozen=True)
class Held:
    """What a target says it holds of one item: the payload's hash if it is the same, another text if it is not.

    None = it could not be asked about this item: that is no leave to send it again.
    """

    payload_hash: str | None
    detail: str | None = None


class Target(Protocol):
    """A system that issued documents are published to."""

    @property
    def name(self) -> str:
        """The target's name in the outbox."""

    def plan(self, items: Sequence[OutboxItem]) -> list[Sequence[OutboxItem]]:
        """`items` in the portions that are sent at a time."""

    def send(self, items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        """Send one portion; says of every item sent, unknown (may have arrived, or not now) or rejected (never)."""

    def read_back(self, items: Sequence[OutboxItem], payloads: Payloads) -> Mapping[str, Held]:
        """item key -> what the target holds; an item that is not there is not held."""

    def totals(self, items: Sequence[OutboxItem]) -> Mapping[str, ControlTotal]:
        """currency -> what the target says it has of these items, all of one batch. Raises TargetUnavailable."""


@runtime_checkable
class Closing(Protocol):
    """A target that writes something about a batch as a whole. Its items are confirmed after that."""

    def close(self, items: Sequence[OutboxItem]) -> None:
        """The batch's items have been sent. May be called again, with more of them."""
