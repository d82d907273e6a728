"""Month files of the AWS Marketplace feeds on their way into raw_marketplace.

A month file is written anew every day, so a version of it brings mostly rows that landed before. Belongs here: reading
a version (`Parser`, `read`), and what it changes (`MonthFile.write`). Which version is the newest is told by what
stands in it, never by when it landed, so versions may be delivered again in any order. What a cell may look like is
`marketplace_cells`, which columns there are is `marketplace_feeds`.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from billing_assets.landing import delimited, kinds, tables
from billing_assets.landing import marketplace_cells as cells
from billing_assets.landing.containers import open_decompressed, open_text
from billing_assets.landing.files import LandedFile
from billing_assets.landing.marketplace_feeds import SQL_TYPES, Feed, feed_of, period_of
from billing_assets.landing.prices import Row
from billing_assets.landing.quarantine import Fault, cut
from billing_assets.landing.rows import Account
from billing_assets.landing.strict_json import canonical

_BLOCK_BYTES = 4 << 20
# Rows read one by one wait in memory up to this many.
_BATCH_ROWS = 50_000
# The last change of a month without rows. Times of the feeds are UTC without a zone.
_NEVER = datetime.min  # noqa: DTZ901


@dataclass(frozen=True)
class _Header:
    """What the columns of one file are, by position: those of the feed, and those we do not know."""

    names: tuple[str, ...]
    known: dict[str, int]
    unknown: dict[str, int]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, feed: Feed, names: Sequence[str]) -> "_Header":
        """Raises delimited.MissingColumns where a required column is not there, or a column stands twice."""
        folded = [name.strip().lower() for name in names]
        # A column under an older name is the column, unless the file has both.
        found = [feed.aliases.get(name, name) if feed.aliases.get(name) not in folded else name for name in folded]
        twice = sorted({name for name in found if found.count(name) > 1})
        if twice:
            raise delimited.MissingColumns(f"column {', '.join(twice)} stands twice in the header")
        absent = [name for name in feed.required if name not in found]
        if absent:
            raise delimited.MissingColumns(f"missing column {', '.join(absent)}")
        return cls(
            names=tuple(names),
            known={name: position for position, name in enumerate(found) if name in feed.columns},
            unknown={name: position for position, name in enumerate(found) if name not in feed.columns},
            missing=tuple(name for name in feed.columns if name not in found),
        )


@dataclass
class MonthFile:
    """A version of a month file, read into the temporary relation `feed_rows` but not yet written."""

    connection: duckdb.DuckDBPyConnection
    file: LandedFile
    feed: Feed
    header: _Header
    records: int
    faults: list[Fault]

    def write(self, as_of: date) -> Account:
        """Note the version, add the rows it brings, end those the newest version no longer has.

        A version older than the newest one changes nothing that stands: a row that only it has is kept as evidence,
        dropped on the day it came.
        """
        account = Account(quarantined=len(self.faults))
        rows = self.records - len(self.faults)
        latest_change = self._latest_change() if rows else None
        newest = self._newest()
        is_newest = newest is None or (latest_change or _NEVER, self.records, self.file.file_sequence) > newest
        if rows:
            if newest:
                self._match(is_newest)
            account.accepted = self._insert(as_of, is_first=newest is None, is_newest=is_newest)
            account.duplicate = rows - account.accepted
            if newest and is_newest:
                self._drop(as_of)
            if account.accepted:
                self._list_unknown_values()
        self._note(as_of, latest_change, is_newest)
        self.connection.execute("drop view feed_rows")
        # The parsed file would stay in memory until another takes its name.
        self.connection.unregister("feed_plain")
        return account

    def _latest_change(self) -> datetime | None:
        row = self.connection.execute("select max(greatest(insert_date, update_date)) from feed_rows").fetchone()
        return row[0] if row else None

    def _insert(self, as_of: date, *, is_first: bool, is_newest: bool) -> int:
        """Add the rows that do not stand yet, each once; returns how many."""
        # A condition only where it takes rows out: DuckDB writes full row groups to disk before the transaction ends
        # where rows come in the order of the file, and a join would lose it. A year's rows would wait in memory.
        unwanted = [
            *(["select line from feed_repeated"] if self._find_repeated() else []),
            *([] if is_first else ["select line from feed_known"]),
        ]
        row = self.connection.execute(
            f"""
            insert into {self.feed.table} by name
            select
                * exclude (line), $path as path, $sequence as file_sequence, line, $as_of as first_seen,
                $dropped_on::date as dropped_on
            from feed_rows
            {f"where line not in ({' union all '.join(unwanted)})" if unwanted else ""}
            """,
            {
                "path": self.file.path,
                "sequence": self.file.file_sequence,
                "as_of": as_of,
                "dropped_on": None if is_newest else as_of,
            },
        ).fetchone()
        return int(row[0]) if row else 0

    def _of_month(self, alias: str = "") -> str:
        """The condition that a row belongs to this month file: with or without .gz, it is the same one."""
        path = self.file.path.removesuffix(".gz")
        return f"{alias}path in ({_quote(path)}, {_quote(path + '.gz')})"

    def _newest(self) -> tuple[datetime, int, int] | None:
        """By what the newest version of this month file is the newest; None where this is the first one."""
        row = self.connection.execute(
            f"""
            select latest_change, rows, file_sequence from raw_marketplace.feed_files
            where is_newest and {self._of_month()}
            """
        ).fetchone()
        return (row[0] or _NEVER, row[1], row[2]) if row else None

    def _find_repeated(self) -> bool:
        """Fill `feed_repeated`: the lines of rows that stand on an earlier line too, equal in every column. Any?

        Only rows of a key that stands twice are compared: those are few, and comparing all columns is dear.
        """
        key = ", ".join(self.feed.key)
        row = self.connection.execute(
            f"""
            create or replace temp table feed_repeated as
            select line
            from feed_rows
            where ({key}) in (select ({key}) from feed_rows group by {key} having count(*) > 1)
            qualify row_number() over (partition by {", ".join((*self.feed.columns, "extra"))} order by line) > 1
            """
        ).fetchone()
        return bool(row and row[0])

    def _match(self, is_newest: bool) -> None:
        """Fill `feed_known`: which lines of the file stand in the table, and where. Equal = in every column."""
        is_key = " and ".join(f"feed_rows.{name} = standing.{name}" for name in self.feed.key)
        # One condition, judged after the join by key: as conditions of the join, all of them would be hashed.
        others = (*(name for name in self.feed.columns if name not in self.feed.key), "extra")
        differs = " or ".join(f"feed_rows.{name} is distinct from standing.{name}" for name in others)
        stands = "and standing.dropped_on is null" if is_newest else ""
        self.connection.execute(
            f"""
            create or replace temp table feed_known as
            select feed_rows.line, standing.rowid as standing_row
            from feed_rows
            inner join {self.feed.table} as standing on {is_key}
            where not ({differs}) and {self._of_month("standing.")} {stands}
            """
        )

    def _drop(self, as_of: date) -> None:
        self.connection.execute(
            f"""
            update {self.feed.table} set dropped_on = ?
            where {self._of_month()} and dropped_on is null and file_sequence <> ?
                and rowid not in (select standing_row from feed_known)
            """,
            [as_of, self.file.file_sequence],
        )

    def _note(self, as_of: date, latest_change: datetime | None, is_newest: bool) -> None:
        if is_newest:
            self.connection.execute(
                f"update raw_marketplace.feed_files set is_newest = false where is_newest and {self._of_month()}"
            )
        self.connection.execute(
            "insert into raw_marketplace.feed_files values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                self.file.file_sequence,
                self.feed.name,
                period_of(self.file.path),
                self.file.path,
                self.records,
                latest_change,
                json.dumps(self.header.names, ensure_ascii=False),
                json.dumps(sorted(self.header.unknown), ensure_ascii=False),
                json.dumps(self.header.missing),
                as_of,
                is_newest,
            ],
        )

    def _list_unknown_values(self) -> None:
        lists = [
            f"""
            select
                '{self.feed.name}' as feed, '{column}' as column_name, {column} as value, count(*) as rows,
                file_sequence, first_seen
            from {self.feed.table}
            where file_sequence = {self.file.file_sequence}
                and {column} not in ({", ".join(_quote(value) for value in sorted(values))})
            group by {column}, file_sequence, first_seen"""
            for column, values in self.feed.known_values.items()
        ]
        if lists:
            query = f"{' union all '.join(lists)} order by column_name, value"
            self.connection.execute(f"insert into raw_marketplace.unknown_values by name {query}")


@dataclass(frozen=True)
class Parsed:
    """A version of a month file as read without the warehouse; `plain` = its plain records, None if it has none."""

    feed: Feed
    header: _Header
    plain: pa.Table | None


class Parser:
    """Parses month files in a database of its own, so that some can be parsed while another is written."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})

    def parse(self, file: LandedFile) -> Parsed:
        """Raises delimited.MissingColumns, Unreadable, UnicodeDecodeError."""
        feed = feed_of(file.path)
        if feed is None:
            raise ValueError(f"{file.path} is no month file of a feed")
        names, header_line = _header_of(file)
        header = _Header.of(feed, names)
        if header_line != 1:
            return Parsed(feed, header, None)
        with self._connection.cursor() as connection:
            return Parsed(feed, header, _read_plain(connection, file, feed, header))

    def close(self) -> None:
        self._connection.close()


def read(connection: duckdb.DuckDBPyConnection, file: LandedFile, parsed: Parsed) -> MonthFile:
    """Read a version of a month file into `feed_rows` (line, the columns of the feed, extra).

    Lines are physical, from 1, header included. Raises Unreadable, UnicodeDecodeError.
    """
    feed, header, rows = parsed.feed, parsed.header, parsed.plain
    left: set[int] | None = None
    records = 0
    if rows is not None:
        records = rows.num_rows
        is_odd = rows.column("is_odd")
        left = set(rows.column("line").filter(is_odd).to_pylist())
        rows = rows.drop_columns("is_odd")
        rows = rows.filter(pc.invert(is_odd)) if left else rows
    typed = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in feed.columns.items())
    connection.execute(f"create or replace temp table feed_rest (line bigint, {typed}, extra varchar)")
    faults: list[Fault] = []
    batch: list[Row] = []
    for line, record in _records(file, left):
        records += left is None
        row = record if isinstance(record, Fault) else _row(feed, header, line, record)
        if isinstance(row, Fault):
            faults.append(row)
        else:
            batch.append(row)
        if len(batch) >= _BATCH_ROWS:
            tables.append(connection, "feed_rest", batch)
            batch = []
    tables.append(connection, "feed_rest", batch)
    plain = ""
    if rows is not None:
        connection.register("feed_plain", rows)
        plain = f"select line, {', '.join(feed.columns)}, extra from feed_plain union all"
    connection.execute(f"create or replace temp view feed_rows as {plain} select * from feed_rest")
    return MonthFile(connection, file, feed, header, records, faults)


def _header_of(file: LandedFile) -> tuple[list[str], int]:
    """The names in the header, and the line on which it ends."""
    with open_text(file.absolute, compressed=kinds.is_compressed(file.path)) as stream:
        reader = csv.reader(stream, strict=True)
        try:
            for names in reader:
                if names:
                    return [name.strip() for name in names], reader.line_num
        except csv.Error as error:
            raise delimited.MissingColumns(f"the header cannot be read: {error}") from error
    raise delimited.MissingColumns("no header")


# --- the quick way: every record on a line of its own ---------------------------------------------------------

# Blanks that csv readers take differently where they stand beside a quote, as one: two searches instead of eight.
_BLANKS_AS_ONE = bytes.maketrans(b"\t\v\f", b"   ")
_NEWLINE, _COMMA = b"\n,"


def _plain_lines(file: LandedFile) -> tuple[int, int] | None:
    """How many lines and commas the file has; None where a quick reader may see other records than `delimited`."""
    lines = commas = 0
    last = b""
    with open_decompressed(file.absolute, compressed=kinds.is_compressed(file.path)) as stream:
        while block := stream.read(_BLOCK_BYTES):
            # Not bytes.count: what stands in every cell is found one at a time, at five times the cost.
            octets = np.frombuffer(block, np.uint8)
            lines += int(np.count_nonzero(octets == _NEWLINE))
            commas += int(np.count_nonzero(octets == _COMMA))
            seen = last + block
            # A return that ends no line; a byte that ends texts.
            if b"\0" in seen:
                return None
            if b"\r" in seen and seen.count(b"\r") - seen.endswith(b"\r") != seen.count(b"\r\n"):
                return None
            if b'"' in seen:
                blanked = seen.translate(_BLANKS_AS_ONE)
                if b' "' in blanked or b'" ' in blanked:
                    return None
            last = seen[-1:]
    return None if last == b"\r" else (lines + (last not in (b"", b"\n")), commas)


def _read_plain(
    connection: duckdb.DuckDBPyConnection, file: LandedFile, feed: Feed, header: _Header
) -> pa.Table | None:
    """All records of a file, those of plain cells typed (is_odd false); None where the file is not so simple.

    Every record stands on one line exactly when there are as many records as lines below the header. DuckDB refuses
    a record of too few or too many fields but for an empty one too many, which only the number of commas tells.
    """
    counted = _plain_lines(file)
    if counted is None or len(header.names) < 2:
        return None
    lines, commas = counted
    texts = {f"c{position}": "varchar" for position in range(len(header.names))}
    used = [*header.known.values(), *header.unknown.values()]
    values = [
        f"{cells.plain_sql(kind, f'c{header.known[name]}')} as {name}"
        if name in header.known
        else f"cast(null as {SQL_TYPES[kind]}) as {name}"
        for name, kind in feed.columns.items()
    ]
    odd = [
        f"(c{position} is not null and {name} is null)"
        for name, position in header.known.items()
        if feed.columns[name] not in ("text", "agreement")
    ]
    odd += [f"{name} is null" for name in feed.filled]
    source = f"""read_csv(
        {_quote(str(file.absolute))}, columns = {texts}, header = true, delim = ',', quote = '"', escape = '"',
        strict_mode = true, null_padding = false, auto_detect = false,
        compression = '{"gzip" if kinds.is_compressed(file.path) else "none"}')"""
    query = f"""
        with texts as (
            select {", ".join(f"{cells.cleaned_sql(f'c{position}')} as c{position}" for position in used)}
            from {source}
        ),
        typed as (select *, {", ".join(values)}, {_extra_sql(header)} as extra from texts)
        select {", ".join(feed.columns)}, extra, {" or ".join(odd)} as is_odd from typed"""
    try:
        rows = connection.execute(query).to_arrow_table()
        between = lines * (len(header.names) - 1)
        inside = 0 if commas == between else _commas_inside(connection, source, texts) + _commas_of(header.names)
    except duckdb.Error:
        return None
    if rows.num_rows != lines - 1 or commas != between + inside:
        return None
    return rows.append_column("line", pa.array(range(2, lines + 1), pa.int64()))


def _commas_inside(connection: duckdb.DuckDBPyConnection, source: str, texts: Iterable[str]) -> int:
    counts = " + ".join(f"coalesce(length({text}) - length(replace({text}, ',', '')), 0)" for text in texts)
    row = connection.execute(f"select coalesce(sum({counts}), 0) from {source}").fetchone()
    return int(row[0]) if row else 0


def _commas_of(names: Iterable[str]) -> int:
    return sum(name.count(",") for name in names)


def _extra_sql(header: _Header) -> str:
    """The JSON of the unknown columns that say something; null where none does."""
    if not header.unknown:
        return "cast(null as varchar)"
    members = ", ".join(
        f"{_quote(canonical(name))} || ':' || cast(to_json(c{position}) as varchar)"
        for name, position in sorted(header.unknown.items())
    )
    return f"'{{' || nullif(concat_ws(',', {members}), '') || '}}'"


# --- the exact way: record by record --------------------------------------------------------------------------


def _records(file: LandedFile, lines: set[int] | None) -> Iterator[tuple[int, delimited.Record | Fault]]:
    """Records as (line, Record or Fault): all of them, or those of a file of plain lines that start on `lines`."""
    if lines is not None and not lines:
        return
    with open_text(file.absolute, compressed=kinds.is_compressed(file.path)) as stream:
        if lines is None:
            yield from delimited.read(stream)
            return
        header = next(csv.reader([stream.readline()]))
        for line, text in enumerate(stream, start=2):
            if line in lines:
                values = next(csv.reader([text], strict=True))
                yield line, delimited.Record(zip(header, values, strict=True), text.rstrip("\r\n"))


def _row(feed: Feed, header: _Header, line: int, record: delimited.Record) -> Row | Fault:
    texts = [cells.cleaned(text) for text in record.values()]
    row: Row = {"line": line, **dict.fromkeys(feed.columns)}
    try:
        for name, position in header.known.items():
            text = texts[position]
            if text is not None:
                row[name] = _cell(feed, name, text)
            elif name in feed.filled:
                raise cells.BadCell("field", f"{name}: missing")
    except cells.BadCell as error:
        return Fault(error.code, error.reason, line, cut(record.original))
    said = {name: texts[position] for name, position in header.unknown.items() if texts[position] is not None}
    row["extra"] = canonical(said) if said else None
    return row


def _cell(feed: Feed, name: str, text: str) -> Any:
    try:
        return cells.read(feed.columns[name], text)
    except cells.BadCell as error:
        raise cells.BadCell(error.code, f"{name}: {error.reason}") from None


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
