"""A table of a page: one query, filtered, sorted and paged by its URL, shown as rows or downloaded as CSV.

Belongs here: what every table has in common. Queries and columns are constants of the pages; whatever comes from a
URL is bound as a value or looked up in the table's own column names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from billing_assets.dashboard import show
from billing_assets.dashboard.data import Row, Snapshot
from billing_assets.documents.reports import csv_expression

PAGE_SIZE = 50
# Enough of an exception's hash to tell the rows of a page apart.
SHORT_ID = 8
# One page of a scope's filters: the URL's name, and the column that most tables call it.
SCOPE = {"period": "period", "entity": "selling_entity", "channel": "channel"}


@dataclass(frozen=True)
class Column:
    """A column of the query as it is shown.

    `kind`: text, money, number, day, status, words, id, short, share, flag, pairs, long, hidden. A hidden column
    stands in the download only. `currency` names the column that holds a money column's currency.
    """

    name: str
    label: str
    kind: str = "text"
    link: Callable[[Row], str | None] | None = None
    sort: str | None = None
    currency: str = "currency"
    help: str = ""


@dataclass(frozen=True)
class Choice:
    """A filter of one table: a parameter of the URL and the column that must equal it."""

    name: str
    label: str
    column: str


@dataclass(frozen=True)
class Table:
    """What a table shows. `needs` are the relations its query reads; `empty` says why there may be no rows.

    `problem` says why it cannot be read at all, where its page knows.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    query: str
    columns: tuple[Column, ...]
    order: str
    empty: str
    values: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    search: tuple[str, ...] = ()
    note: str = ""
    page_size: int = PAGE_SIZE
    problem: str = ""

    def given(self, params: Mapping[str, str], *, main: bool) -> dict[str, str]:
        """The filters in force: those of the URL, else the table's defaults; `all` lifts a default."""
        found = {name: params[name] for name in self.scope if params.get(name)}
        for name in [*(choice.name for choice in self.choices), *(["q"] if self.search else [])]:
            value = params.get(prefixed(self, name, main)) or self.defaults.get(name, "")
            if value and not (value == "all" and name in self.defaults):
                found[name] = value
        return found


@dataclass(frozen=True)
class Cell:
    """One cell as text, with its place to go, its tone and what hangs on it."""

    text: str
    kind: str
    link: str | None = None
    tone: str = ""
    unit: str = ""
    title: str = ""


@dataclass(frozen=True)
class Shown:
    """A table as a page needs it. `problem` is why it could not be read; then there are no rows."""

    table: Table
    rows: tuple[tuple[Cell, ...], ...] = ()
    total: int = 0
    page: int = 1
    sorted_by: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.table.page_size))

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.table.columns if column.kind != "hidden")

    @property
    def first(self) -> int:
        return (self.page - 1) * self.table.page_size + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.page * self.table.page_size, self.total)


def prefixed(table: Table, name: str, main: bool) -> str:
    """The URL's name of a table's own parameter: the main table of a page has the plain one."""
    return name if main else f"{table.name}.{name}"


def load(snapshot: Snapshot, table: Table, params: Mapping[str, str], *, main: bool) -> Shown:
    """The rows of the page that the URL asks for."""
    problem = _missing(snapshot, table)
    given = table.given(params, main=main)
    if problem:
        return Shown(table, given=given, problem=problem)
    sorted_by = params.get(prefixed(table, "sort", main), "")
    try:
        filtered, values = _filtered(table, given)
        count = snapshot.one(f"select count(*) as rows from ({filtered})", values)
        total = int(count["rows"]) if count else 0
        page = min(max(1, _whole(params.get(prefixed(table, "page", main)))), max(1, -(-total // table.page_size)))
        rows = snapshot.rows(
            f"{filtered} order by {_order(table, sorted_by)} limit $_limit offset $_offset",
            {**values, "_limit": table.page_size, "_offset": (page - 1) * table.page_size},
        )
        options = {choice.name: _options(snapshot, table, choice) for choice in table.choices}
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        return Shown(table, given=given, problem=other_version(error))
    visible = [column for column in table.columns if column.kind != "hidden"]
    # A table with a column for the currency does not say it again in every cell.
    named = {column.name for column in visible}
    cells = tuple(tuple(_cell(column, row, named) for column in visible) for row in rows)
    return Shown(table, cells, total, page, sorted_by, options, given)


def to_csv(snapshot: Snapshot, table: Table, params: Mapping[str, str], *, main: bool) -> str:
    """The whole filtered table in its order, every column, safe for spreadsheets as the report files are.

    A table that cannot be read gives its header: an output that is not there yet is an empty file.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(column.name for column in table.columns)
    if _missing(snapshot, table):
        return out.getvalue()
    filtered, values = _filtered(table, table.given(params, main=main))
    ordered = f"{filtered} order by {_order(table, params.get(prefixed(table, 'sort', main), ''))}"
    try:
        kinds = {c[0]: str(c[1]) for c in snapshot.cursor.execute(f"{filtered} limit 0", values).description}
        shown = ", ".join(f'{csv_expression(c.name, kinds[c.name])} as "{c.name}"' for c in table.columns)
        result = snapshot.cursor.execute(f"select {shown} from ({ordered})", values)
    except (duckdb.BinderException, duckdb.CatalogException):
        return out.getvalue()
    while rows := result.fetchmany(1000):
        writer.writerows([_plain(value) for value in row] for row in rows)
    return out.getvalue()


def only(table: Table, **changes: Any) -> Table:
    """The table with some of its parts replaced."""
    return replace(table, **changes)


# -- query -----------------------------------------------------------------------------------------------------------


def _filtered(table: Table, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    columns = dict(table.scope) | {choice.name: choice.column for choice in table.choices}
    tests, values = [], dict(table.values)
    for name, value in given.items():
        if name == "q":
            text = ", ".join(f'"{column}"' for column in table.search)
            tests.append(f"contains(lower(concat_ws(' ', {text})), lower($_q))")
        else:
            tests.append(f'cast("{columns[name]}" as varchar) = $_{name}')
        values[f"_{name}"] = value
    where = f" where {' and '.join(tests)}" if tests else ""
    return f"select * from ({table.query}){where}", values


def _order(table: Table, sorted_by: str) -> str:
    """The order the URL asks for when it names a column of the table; ties are broken by every column."""
    chosen = next((c for c in table.columns if c.name == sorted_by.removeprefix("-")), None)
    ties = ", ".join(f'"{column.name}"' for column in table.columns)
    if chosen is None:
        return f"{table.order}, {ties}"
    direction = "desc" if sorted_by.startswith("-") else "asc"
    by = chosen.sort or f'"{chosen.name}"'
    return f"{by} {direction} nulls last, {ties}"


def _options(snapshot: Snapshot, table: Table, choice: Choice) -> tuple[str, ...]:
    found = snapshot.rows(
        f'select distinct cast("{choice.column}" as varchar) as word from ({table.query}) '
        "where word is not null order by word limit 200",
        table.values,
    )
    return tuple(row["word"] for row in found)


def _missing(snapshot: Snapshot, table: Table) -> str:
    absent = [relation for relation in table.needs if not snapshot.has(relation)]
    if table.problem:
        return table.problem
    return f"This snapshot has no {', '.join(absent)} yet: a run with its sources landed writes it." if absent else ""


def other_version(error: Exception) -> str:
    """What to say when the snapshot lacks a column that a page reads."""
    return f"This snapshot was written by another version of the platform: run `billing run` again. ({error})"


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else 1


# -- cells -----------------------------------------------------------------------------------------------------------


def _flag(value: Any) -> str:
    return "" if value is None else "yes" if value else "no"


# How a kind is written, and the class that a cell of it has.
_KINDS: dict[str, tuple[Callable[[Any], str], str]] = {
    "number": (show.number, "number"),
    "share": (show.share, "number"),
    "day": (show.day, "day"),
    "status": (show.words, "status"),
    "words": (show.words, "words"),
    "flag": (_flag, "text"),
    "pairs": (show.pairs, "long"),
}


def _cell(column: Column, row: Row, named: set[str]) -> Cell:
    value = row[column.name]
    link = column.link(row) if column.link and value is not None else None
    if column.kind == "money":
        unit = str(row.get(column.currency) or "") if value is not None else ""
        text = show.money(value, unit)
        exact = show.number(value)
        title = "" if exact in (text, text.split(".")[0]) else exact
        return Cell(text, "money", link, unit="" if column.currency in named else unit, title=title)
    if column.kind in _KINDS:
        write, kind = _KINDS[column.kind]
        return Cell(write(value), kind, link, tone=show.tone(value) if column.kind == "status" and value else "")
    full = "" if value is None else str(value)
    text = full[:SHORT_ID] if column.kind == "short" else show.short(value)
    return Cell(text, "id" if column.kind == "short" else column.kind, link, title=full if text != full else "")


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
