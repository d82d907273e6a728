"""The file as the rest of landing and metering sees it: a registered, located piece of evidence.

Only plain values live here. Finding files is `register`, reading them is `containers`, judging them is `load`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

# One line of progress for people: what is being done. Never part of a result.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Manifest:
    """What a producer says about one data file. A field it does not state is None and is not compared.

    `fault` is set where the manifest itself cannot be read, or already disagrees (sha256 of the landed bytes).
    """

    file_sequence: int
    path: str
    records: int | None = None
    quantity: Decimal | None = None
    min_time: datetime | None = None
    max_time: datetime | None = None
    sha256: str | None = None
    producer: str | None = None
    sequence: int | None = None
    fault: str | None = None


@dataclass(frozen=True)
class FileTotals:
    """What a reader counted in one file; quantity and times are over parseable rows (missing quantity = 1).

    Quantity or times are None where the source has no such notion: they are not compared then.
    """

    records: int
    quantity: Decimal | None = None
    min_time: datetime | None = None
    max_time: datetime | None = None
    unparseable: int = 0


@dataclass(frozen=True)
class LandedFile:
    """One registered file whose bytes can be read at `absolute` (the landing zone, or the evidence store).

    Files handed to metering are sound containers (gz verified to its end, UTF-8, not empty) and no duplicates
    of an accepted file: `load` books those itself. `batch` is the one that registered the file; a file that was
    set aside before comes again with a later batch and its old quarantine and conservation rows removed.
    """

    file_sequence: int
    batch: int
    first_seen: date
    path: str  # below the landing root, with forward slashes
    absolute: Path
    sha256: str  # of the decompressed bytes: the identity
    landed_sha256: str
    size_bytes: int
    source: str
    status: str
    manifest: Manifest | None = None
