"""The only reader of the wall clock. Logic uses the business date `as_of`; entries note when they were written."""

from __future__ import annotations

from datetime import UTC, datetime


def recorded_at() -> datetime:
    """The moment an entry is written, in UTC. For the ledger's own record only: no figure may depend on it."""
    return datetime.now(UTC)
