"""The lake: accepted usage events as Parquet by event date, and the narrow index of their keys.

    LAKE/usage/event_date=YYYY-MM-DD/batch-<n>.parquet     the seven columns, file_sequence, line
    LAKE/keys/duckdb-<version>/batch-<n>.npy               key (64-bit hash of source and event id), by date, sorted

A file is written aside and renamed, and counts only once raw_metering.lake_parts lists it. The index only ever
proposes candidates, which are then compared in full; its folder names the DuckDB version because that decides the
hash, and an index that is missing is made again from the lake.
"""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from billing_assets.metering.events import AS_TEXT

EVENT_COLUMNS = "event_id, source, event_type, account_id, event_time, quantity, properties, file_sequence, line"
_ROW_GROUP = 122_880
# Version 2 encodings (delta lengths for ids, delta for times) halve the writing time and a fifth of the size.
_FORMAT = f"format parquet, parquet_version v2, compression snappy, row_group_size {_ROW_GROUP}"

Keys = NDArray[np.uint64]
# A filter has about 16 places a key, one byte each, and 64 kB to 64 MB in all.
_PLACES_A_KEY, _LEAST_BITS, _MOST_BITS = 16, 16, 26
# Keys filtered at once: 256 kB.
_PIECE = 32_768


@dataclass(frozen=True, order=True)
class LakePart:
    """One committed lake file. `path` is below the lake folder."""

    event_date: date
    batch: int
    path: str
    rows: int


class Lake:
    """The files of one lake folder; `parts` are the ones committed by earlier batches."""

    def __init__(self, folder: Path, parts: Sequence[LakePart]) -> None:
        self.folder = folder
        self.parts = sorted(parts)
        self._keys = folder / "keys" / f"duckdb-{duckdb.__version__}"

    def missing(self) -> list[str]:
        """Listed files that are not there: the lake was deleted or lost without its warehouse."""
        return [part.path for part in self.parts if not (self.folder / part.path).is_file()]

    def query(self, parts: Sequence[LakePart]) -> str:
        """The query over the events of some parts."""
        if not parts:
            raise ValueError("no parts to read")
        paths = ", ".join(_quote(self.folder / part.path) for part in parts)
        return f"select {EVENT_COLUMNS} from read_parquet([{paths}], hive_partitioning = false)"

    def plan(self, bench: duckdb.DuckDBPyConnection, batch: int) -> list[LakePart]:
        """The parts that the rows of `events` will make: one file a date, in date order."""
        dates = bench.execute(
            "select event_date, count(*) from events group by event_date order by event_date"
        ).fetchall()
        return [
            LakePart(event_date, batch, f"usage/event_date={event_date}/batch-{batch}.parquet", rows)
            for event_date, rows in dates
        ]

    def write(self, bench: duckdb.DuckDBPyConnection, parts: Sequence[LakePart]) -> None:
        """Write the rows of `events` as planned, and their keys.

        Rows stand in the order in which they were read, whatever the threads; where a row group of a large file
        ends may differ. Sorting them cost a third of the writing.
        """
        # Codes are written with the whole list of codes, which only full row groups are worth. The rows of the other
        # dates, late ones as a rule, are taken out of `events` once.
        few = ", ".join(f"date '{part.event_date}'" for part in parts if part.rows < _ROW_GROUP)
        if few:
            bench.execute(f"create or replace table few as select {AS_TEXT} from events where event_date in ({few})")
        for part in parts:
            _copy(
                bench,
                f"select {EVENT_COLUMNS} from {'events' if part.rows >= _ROW_GROUP else 'few'}"
                f" where event_date = date '{part.event_date}'",
                self.folder / part.path,
                _FORMAT,
            )
        if parts:
            self._write_keys(bench, parts[0].batch, "events")

    def find(
        self, bench: duckdb.DuckDBPyConnection, parts: Sequence[LakePart], keys: Keys
    ) -> Iterator[tuple[LakePart, Keys]]:
        """Which of these sorted keys each of these parts holds, parts without any left out.

        The keys of 40 days pass by every night: all but a few hundredths are turned away by a filter that knows
        which values the upper bits of the keys take. Batches pass side by side: numpy holds no lock.
        """
        if not len(keys):
            return
        bits = min(max((_PLACES_A_KEY * len(keys)).bit_length(), _LEAST_BITS), _MOST_BITS)
        shift = np.uint64(64 - bits)
        flags = np.zeros(2**bits, np.bool_)
        flags[keys >> shift] = True

        def among(held: Keys) -> Keys:
            # In pieces that stay in the cache of the processor, which halves the time.
            pieces = (held[at : at + _PIECE] for at in range(0, len(held), _PIECE))
            near: Keys = np.concatenate([piece[flags.take((piece >> shift).view(np.int64))] for piece in pieces])
            is_held: NDArray[np.bool_] = keys[np.minimum(np.searchsorted(keys, near), len(keys) - 1)] == near
            return near[is_held]

        stored = list(self._stored(bench, set(parts)))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for (part, _), near in zip(stored, pool.map(among, [held for _, held in stored]), strict=True):
                if len(near):
                    yield part, near

    def _stored(self, bench: duckdb.DuckDBPyConnection, wanted: set[LakePart]) -> Iterator[tuple[LakePart, Keys]]:
        """The keys of each of these parts, sorted; read when they are looked at."""
        by_batch = attrgetter("batch")
        for batch, of_batch in groupby(sorted(self.parts, key=by_batch), by_batch):
            # In date order, as their keys are: where a part's keys begin is told by the parts before it.
            members = list(of_batch)
            if wanted.isdisjoint(members):
                continue
            if not self._key_path(batch).is_file():
                self._write_keys(bench, batch, self._events_of(members))
            stored: Keys = np.load(self._key_path(batch), mmap_mode="r")
            if len(stored) != sum(part.rows for part in members):
                raise ValueError(f"{self._key_path(batch)} is not the index of its batch: delete it and run again")
            start = 0
            for part in members:
                if part in wanted:
                    yield part, stored[start : start + part.rows]
                start += part.rows

    def around(self, dates: Sequence[date], days: int) -> list[LakePart]:
        """The parts whose date is at most so many days from one of the dates."""
        near = {day + timedelta(days=shift) for day in dates for shift in range(-days, days + 1)}
        return [part for part in self.parts if part.event_date in near]

    def _events_of(self, parts: Sequence[LakePart]) -> str:
        return (
            f"(select cast(event_time as date) as event_date, hash(source, event_id) as key from ({self.query(parts)}))"
        )

    def _write_keys(self, bench: duckdb.DuckDBPyConnection, batch: int, events: str) -> None:
        columns = bench.execute(
            f"select cast(event_date - date '1970-01-01' as integer) as day, key from {events}"
        ).fetchnumpy()
        day, keys = columns["day"], columns["key"]
        # Days as short numbers are sorted in one pass.
        day = day - day.min()
        keys = keys[np.argsort(day.astype(np.min_scalar_type(day.max())), kind="stable")]
        start = 0
        for rows in np.bincount(day):
            keys[start : start + rows].sort()
            start += rows
        path = self._key_path(batch)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".new").open("wb") as stream:
            np.save(stream, keys)
        os.replace(path.with_suffix(".new"), path)

    def _key_path(self, batch: int) -> Path:
        return self._keys / f"batch-{batch}.npy"


def open_lake(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let raw_metering.usage_events read the committed files of the lake; empty as landing left it without any.

    The date is told by the folder, so that a query for few dates opens few files. Nothing is copied.
    """
    parts = connection.execute("select path from raw_metering.lake_parts order by path").fetchall()
    if parts:
        paths = ", ".join(_quote(folder.resolve() / path) for (path,) in parts)
        connection.execute(
            "create or replace view raw_metering.usage_events as"
            " select event_date, event_id, source, event_type, account_id, event_time, quantity, properties"
            f" from read_parquet([{paths}], hive_partitioning = true, hive_types = {{'event_date': date}})"
        )


def _copy(bench: duckdb.DuckDBPyConnection, query: str, path: Path, options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    bench.execute(f"copy ({query}) to '{str(temporary).replace(chr(39), chr(39) * 2)}' ({options})")
    os.replace(temporary, path)


def _quote(path: Path) -> str:
    """A path for read_parquet, which would take these characters for a pattern."""
    text = re.sub(r"([\[*?])", r"[\1]", str(path))
    return "'" + text.replace("'", "''") + "'"
