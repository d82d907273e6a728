"""The lake: accepted usage events as Parquet by event date, and the narrow index of their keys.

    LAKE/usage/event_date=YYYY-MM-DD/batch-<n>.parquet     the seven columns, file_sequence, line
    LAKE/keys/duckdb-<version>/batch-<n>.parquet           event_date, key (64-bit hash of source and event id)

A file is written aside and renamed, and counts only once raw_metering.lake_parts lists it. The index only ever
proposes candidates, which are then compared in full; its folder names the DuckDB version because that decides the
hash, and an index that is missing is made again from the lake.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from billing_assets.metering.events import AS_TEXT

EVENT_COLUMNS = "event_id, source, event_type, account_id, event_time, quantity, properties, file_sequence, line"
_ROW_GROUP = 122_880
# Version 2 encodings (delta lengths for ids, delta for times) halve the writing time and a fifth of the size.
_FORMAT = f"format parquet, parquet_version v2, compression snappy, row_group_size {_ROW_GROUP}"
_KEY_FORMAT = f"format parquet, compression uncompressed, row_group_size {_ROW_GROUP}"  # hashes do not compress


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
        """Write the rows of `events` as planned, and their keys. Bytes do not depend on threads."""
        for part in parts:
            _copy(
                bench,
                # Codes are written with the whole list of codes, which only full row groups are worth.
                f"select {EVENT_COLUMNS} from (select {'*' if part.rows >= _ROW_GROUP else AS_TEXT} from events)"
                f" where event_date = date '{part.event_date}' order by file_sequence, line",
                self.folder / part.path,
                _FORMAT,
            )
        if parts:
            _copy(
                bench,
                "select event_date, key from events order by event_date",
                self._key_path(parts[0].batch),
                _KEY_FORMAT,
            )

    def key_files(self, bench: duckdb.DuckDBPyConnection, parts: Sequence[LakePart]) -> dict[int, Path]:
        """The files of (event_date, key) of all batches that have one of these parts, by batch."""
        batches = sorted({part.batch for part in parts})
        for batch in batches:
            if not self._key_path(batch).is_file():
                self._index_again(bench, batch)
        return {batch: self._key_path(batch) for batch in batches}

    def around(self, dates: Sequence[date], days: int) -> list[LakePart]:
        """The parts whose date is at most so many days from one of the dates."""
        near = {day + timedelta(days=shift) for day in dates for shift in range(-days, days + 1)}
        return [part for part in self.parts if part.event_date in near]

    def _index_again(self, bench: duckdb.DuckDBPyConnection, batch: int) -> None:
        events = self.query([part for part in self.parts if part.batch == batch])
        _copy(
            bench,
            "select cast(event_time as date) as event_date, hash(source, event_id) as key"
            f" from ({events}) order by event_date",
            self._key_path(batch),
            _KEY_FORMAT,
        )

    def _key_path(self, batch: int) -> Path:
        return self._keys / f"batch-{batch}.parquet"


def _copy(bench: duckdb.DuckDBPyConnection, query: str, path: Path, options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    bench.execute(f"copy ({query}) to '{str(temporary).replace(chr(39), chr(39) * 2)}' ({options})")
    os.replace(temporary, path)


def _quote(path: Path) -> str:
    """A path for read_parquet, which would take these characters for a pattern."""
    text = re.sub(r"([\[*?])", r"[\1]", str(path))
    return "'" + text.replace("'", "''") + "'"
