"""What is set aside and why: the code vocabulary, a fault, and writing faults to raw_landing.quarantine.

Nothing here decides whether a row is good; the module of its source does. Nothing is ever dropped without a fault.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb

from billing_assets.landing import tables

TABLE = "raw_landing.quarantine"

# Code -> what it means to the person who has to mend it.
CODES = {
    "container": "the file cannot be read as a whole (truncated, empty, of an unknown kind, a refused path)",
    "encoding": "the file is not UTF-8",
    "manifest": "the file and its manifest disagree, or the manifest cannot be read",
    "json": "the text is not JSON of the expected shape",
    "csv": "the row does not have the columns of its header",
    "field": "a field is missing, or its value is outside its vocabulary",
    "number": "a number cannot be read exactly",
    "time": "a date or timestamp cannot be read",
    "future": "the event lies after the business date",
    "nested": "a property holds a list or an object",
    "correction": "a negative quantity does not name an event to correct",
    "quantity_missing": "no quantity on a meter that is billed by quantity",
    "conflict": "the same key landed before with other content; the first stands",
}
# Enough to recognise a row, short enough that one broken file cannot bloat the warehouse.
ORIGINAL_CHARACTERS = 2_000


class FileFault(Exception):
    """A file that cannot be taken as it is, told by what stands in it: it is set aside as a whole."""


@dataclass(frozen=True)
class Fault:
    """One bad file (line None) or bad row. `line` is physical, from 1, header included."""

    code: str
    reason: str
    line: int | None = None
    original: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code} is not a quarantine code")


@dataclass(frozen=True)
class QuarantinedRow:
    """A fault with the file it belongs to and what is known of the event (usage only)."""

    file_sequence: int
    path: str
    sha256: str
    source: str
    fault: Fault
    account_id: str | None = None
    meter: str | None = None
    event_id: str | None = None
    event_source: str | None = None
    event_time: datetime | None = None
    quantity: Decimal | None = None

    def as_row(self) -> dict[str, Any]:
        """The row of raw_landing.quarantine. Times are UTC without a zone."""
        return {
            "file_sequence": self.file_sequence,
            "path": self.path,
            "sha256": self.sha256,
            "source": self.source,
            "line": self.fault.line,
            "code": self.fault.code,
            "reason": self.fault.reason,
            "original": cut(self.fault.original),
            "account_id": self.account_id,
            "meter": self.meter,
            "event_id": self.event_id,
            "event_source": self.event_source,
            "event_time": self.event_time.replace(tzinfo=None) if self.event_time else None,
            "quantity": self.quantity,
        }


def cut(text: str) -> str:
    """The first 2,000 characters: the most of an original that is kept."""
    return text[:ORIGINAL_CHARACTERS]


def write(connection: duckdb.DuckDBPyConnection, rows: Iterable[QuarantinedRow]) -> None:
    """Append rows to raw_landing.quarantine."""
    tables.append(connection, TABLE, [row.as_row() for row in rows])
