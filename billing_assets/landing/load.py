"""Loading registered evidence into the warehouse: every batch once, in order, each in one transaction.

Belongs here: which batches are missing, and the transaction around each. What happens within one is `batch`. Usage
is read by the metering step that the caller hands in, because metering lies below this room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import duckdb

from billing_assets.errors import OperatorError
from billing_assets.landing import tables
from billing_assets.landing.batch import DUPLICATE, LOADED, SET_ASIDE, BatchLoader, Meter
from billing_assets.landing.evidence import EvidenceStore
from billing_assets.landing.files import LandedFile, Progress
from billing_assets.landing.register import landing_root, open_fingerprints
from billing_assets.landing.zone import Zone
from billing_assets.ledger import Ledger
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse


class MeterBatch(Protocol):
    """The metering step: reads sound usage files into the lake and accounts for every row of them.

    It runs inside the transaction of the batch and must not end it. It writes one conservation row a file, and
    for a file that it sets aside a quarantine row whose line is null.
    """

    def __call__(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Sequence[LandedFile],
        *,
        batch: int,
        as_of: date,
        lake: Path,
        threads: int,
        lookback_days: int,
        future_tolerance: timedelta,
        progress: Progress,
    ) -> None: ...


class WarehouseMismatch(OperatorError):
    """The warehouse was loaded from another register than the ledger's."""


@dataclass(frozen=True)
class LoadSummary:
    """What one call loaded: batches, and their files by what became of them."""

    batches: int
    loaded: int
    duplicates: int
    set_aside: int


def load(
    settings: Settings,
    ledger: Ledger,
    warehouse: Warehouse,
    meter_batch: MeterBatch,
    progress: Progress = lambda _: None,
) -> LoadSummary:
    """Load every registered batch that the warehouse does not hold yet, in batch order.

    An empty warehouse, or one whose lake is gone, loads them all and ends with the same rows. Raises
    WarehouseMismatch, WarehouseBusy and NoLandingZone.
    """
    zone = Zone(
        root=landing_root(settings),
        fingerprints=open_fingerprints(settings),
        evidence=EvidenceStore(settings.evidence_path),
        register=ledger.registered(),
    )

    def meter(connection: duckdb.DuckDBPyConnection, files: Sequence[LandedFile], batch: int, as_of: date) -> None:
        meter_batch(
            connection,
            files,
            batch=batch,
            as_of=as_of,
            lake=settings.lake_path,
            threads=settings.threads,
            lookback_days=settings.conflict_lookback_days,
            future_tolerance=settings.future_tolerance,
            progress=progress,
        )

    with warehouse.writer() as connection:
        tables.create(connection)
        if _is_lake_broken(connection, settings.lake_path):
            progress("files of the lake are gone: everything is loaded again from evidence")
            tables.empty(connection)
        missing = _missing_batches(connection, zone)
        for position, batch in enumerate(missing, start=1):
            progress(f"loading batch {batch} ({position} of {len(missing)})")
            _load_whole(connection, zone, batch, meter)
        counts = dict(
            connection.execute(
                "select status, count(*) from raw_landing.files where list_contains(?::integer[], batch) group by all",
                [missing],
            ).fetchall()
        )
    return LoadSummary(
        batches=len(missing),
        loaded=counts.get(LOADED, 0),
        duplicates=counts.get(DUPLICATE, 0),
        set_aside=counts.get(SET_ASIDE, 0),
    )


def _is_lake_broken(connection: duckdb.DuckDBPyConnection, lake: Path) -> bool:
    """Whether a file that the warehouse counts on is not in the lake: it may be deleted at any time."""
    parts = connection.execute("select path from raw_metering.lake_parts").fetchall()
    return not all((lake / path).is_file() for (path,) in parts)


def _missing_batches(connection: duckdb.DuckDBPyConnection, zone: Zone) -> list[int]:
    """Batches the warehouse does not hold; checks that those it holds are the ledger's."""
    held = dict(connection.execute("select batch, register_hash from raw_landing.batches").fetchall())
    known = {batch: zone.register_hash(batch) for batch in zone.batches()}
    if any(known.get(batch) != register_hash for batch, register_hash in held.items()):
        raise WarehouseMismatch(
            "the warehouse was loaded from another register than this ledger's: delete warehouse.duckdb and the "
            "lake folder of this home and run again; both are rebuilt from evidence"
        )
    return [batch for batch in known if batch not in held]


def _load_whole(connection: duckdb.DuckDBPyConnection, zone: Zone, batch: int, meter: Meter) -> None:
    """Load one batch: all of it or nothing.

    A copy of a usage file waits for what becomes of the first. Where that one is set aside, which is known only
    once it is read, the batch is read again with the copy in its own right.
    """
    reread: set[int] = set()
    while True:
        connection.begin()
        try:
            loader = BatchLoader(connection, zone, batch, reread)
            stranded = loader.run(meter)
            if not stranded:
                loader.finish()
                connection.commit()
                return
        except BaseException:
            connection.rollback()
            raise
        connection.rollback()
        reread |= stranded
