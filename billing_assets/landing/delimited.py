"""Delimited text by header name, with exact physical line numbers: the one CSV reader of landing.

It yields a row or a fault for every record and never skips one. What a row means belongs to the source's module.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from billing_assets.landing.quarantine import Fault, FileFault, cut

# A field longer than this is a file without closing quote, not a value; csv's own default.
csv.field_size_limit(131_072)


class Record(dict[str, str]):
    """The values of one record by column name, with its text as it landed."""

    def __init__(self, values: Iterable[tuple[str, str]], original: str) -> None:
        super().__init__(values)
        self.original = original


class MissingColumns(FileFault):
    """The header lacks columns without which no row can be read: a fault of the whole file."""


class _Lines:
    """Physical lines of a text stream, counted, with the lines of the current record kept for quarantine."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = iter(stream)
        self._again: list[str] = []
        self.count = 0
        self.record: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._stream)
        self.count += 1
        self.record.append(line)
        return line

    def first_of_record(self) -> str:
        """The first line of the current record; the others stand to be read again."""
        first, *others = self.record
        self._again.extend(reversed(others))
        self.count -= len(others)
        return first


def read(stream: TextIO, required: Sequence[str] = ()) -> Iterator[tuple[int, Record | Fault]]:
    """Every record as (line, Record) or (line, Fault); line = where the record starts, from 1.

    The stream must be opened with newline='' and without BOM (utf-8-sig). Blank lines are no records. Raises
    MissingColumns before the first record where the header lacks a required column or names one twice.
    """
    lines = _Lines(stream)
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        start = lines.count + 1
        lines.record = []
        try:
            values = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if header is None:
                raise MissingColumns(f"the header cannot be read: {error}") from error
            # A stray quote opens a record that swallows the good rows behind it: only its first line is
            # at fault, and a fresh reader goes on with the next.
            yield start, Fault("csv", _reason(error), start, cut(lines.first_of_record().rstrip("\r\n")))
            reader = csv.reader(lines, strict=True)
            continue
        if not values:
            continue
        if header is None:
            header = [name.strip() for name in values]
            _check_header(header, required)
            continue
        original = "".join(lines.record).rstrip("\r\n")
        if len(values) != len(header):
            reason = f"{len(values)} fields where the header has {len(header)}"
            yield start, Fault("csv", reason, start, cut(original))
        elif "\0" in original:
            yield start, Fault("csv", "a NUL byte", start, cut(original.replace("\0", "\\0")))
        else:
            yield start, Record(zip(header, values, strict=True), original)
    if header is None:
        raise MissingColumns("no header")


def read_text(text: str, required: Sequence[str] = ()) -> Iterator[tuple[int, Record | Fault]]:
    """As `read`, over a text already in memory."""
    return read(io.StringIO(text, newline=""), required)


def _check_header(header: list[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise MissingColumns(f"missing column {', '.join(missing)}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise MissingColumns(f"column {', '.join(twice)} stands twice in the header")


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quote is opened and never closed"
    return text
