"""What a person holds: which items of the outbox are not sent, and why.

A hold covers a document, a scope (period/entity/channel), a month, or a month of one selling entity (period/entity).
Holds are read anew whenever somebody decided something, so that one set during a delivery stops what is not sent yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from billing_assets.ledger import Ledger, OutboxItem


def standing_holds(ledger: Ledger, as_of: date) -> Callable[[Sequence[OutboxItem]], Mapping[str, str]]:
    """Items -> why each that is held is not sent, by item key."""
    from billing_assets.access import decided

    known: dict[int, Mapping[tuple[str, str], str]] = {}

    def refused(items: Sequence[OutboxItem]) -> Mapping[str, str]:
        decision = ledger.decision_sequence()
        if decision not in known:
            known.clear()
            known[decision] = {(hold.level, hold.key): hold.reason for hold in decided.holds(ledger, as_of)}
        holds = known[decision]
        if not holds:
            return {}
        return {item.item_key: holds[key] for item in items for key in _keys(item) if key in holds}

    return refused


def _keys(item: OutboxItem) -> list[tuple[str, str]]:
    return [
        ("document", item.document_id),
        ("scope", f"{item.close_period}/{item.selling_entity}/{item.channel}"),
        ("period", item.close_period),
        ("period", f"{item.close_period}/{item.selling_entity}"),
    ]
