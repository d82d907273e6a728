"""The book of record as pages read it: opened to read for one request, and remembered until the record moves.

Belongs here: how live facts are had, and what is said when they cannot be. Nothing is written, no lock is taken; a
ledger that cannot be read leaves the pages standing on the snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from billing_assets.errors import OperatorError
from billing_assets.settings import Settings

if TYPE_CHECKING:
    from billing_assets.ledger import Ledger

T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """What was read. `problem` says why the record cannot be read now; then `value` is the last one read, or None."""

    value: T | None
    problem: str = ""


class Record:
    """The ledger of one home."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Hashable, Any]] = {}

    def read(self, name: str, find: Callable[[Ledger], T], mark: Hashable = None) -> Found[T]:
        """The value of `find`, looked up again once the record has moved or `mark` is another one."""
        with self._lock:
            known = self._known.get(name)

        def look(ledger: Ledger) -> tuple[Hashable, T]:
            now = (ledger.sequence(), mark)
            return known if known is not None and known[0] == now else (now, find(ledger))

        found = self.ask(look)
        if found.value is None:
            if known is None:
                return Found(None, found.problem)
            return Found(known[1], f"{found.problem}. What follows is what it said last.")
        with self._lock:
            self._known[name] = found.value
        return Found(found.value[1])

    def ask(self, find: Callable[[Ledger], T]) -> Found[T]:
        """The value of `find`, which is not remembered: one document of many."""
        from sqlalchemy.exc import SQLAlchemyError

        from billing_assets.ledger import Ledger

        try:
            with Ledger.read(self.settings.resolved_ledger_url, self.settings.seal_path) as ledger:
                return Found(find(ledger))
        except (OperatorError, OSError, SQLAlchemyError) as error:
            return Found(None, f"The ledger cannot be read now: {error}")
