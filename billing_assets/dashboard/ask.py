"""What a request asks for: the snapshot, the filters in its URL, and the addresses of what it may ask next.

Belongs here: URLs, and the page that a page function hands back. Every state of a page is in its URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from billing_assets.dashboard.data import Snapshot
from billing_assets.dashboard.record import Record
from billing_assets.dashboard.tables import SCOPE, Shown, Table, load, prefixed


class UnknownKey(LookupError):
    """The URL names something that the snapshot does not hold."""


@dataclass(frozen=True)
class Ask:
    """One request. `params` are the query's single values, `path` the page's own address; `record` is live."""

    snapshot: Snapshot
    record: Record
    path: str
    params: Mapping[str, str]
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def scope(self) -> dict[str, str]:
        """The period, entity and channel that the URL names; what it does not name is not filtered."""
        return {name: self.params[name] for name in SCOPE if self.params.get(name)}

    def to(self, path: str, **changes: str | None) -> str:
        """The address of another page under the same period, entity and channel."""
        return _address(path, {**self.scope, **changes})

    def here(self, **changes: str | None) -> str:
        """This page's address with some parameters changed; None takes one away."""
        return _address(self.path, {**self.params, **changes})

    def sorted(self, shown: Shown, column: str, *, main: bool) -> str:
        """This page sorted by a column: upwards first, downwards when it already is."""
        now = "-" if shown.sorted_by == column else ""
        name, page = prefixed(shown.table, "sort", main), prefixed(shown.table, "page", main)
        return self.here(**{name: f"{now}{column}", page: None}) + f"#{shown.table.name}"

    def paged(self, shown: Shown, page: int, *, main: bool) -> str:
        """Another page of a table."""
        name = prefixed(shown.table, "page", main)
        return self.here(**{name: str(page) if page > 1 else None}) + f"#{shown.table.name}"

    def kept(self, shown: Shown, *, main: bool) -> dict[str, str]:
        """The parameters that a table's filter form hands on: all but its own filters and its page."""
        own = {choice.name for choice in shown.table.choices} | {"q", "page"}
        gone = {prefixed(shown.table, name, main) for name in own} | {"format", "table"}
        return {name: value for name, value in self.params.items() if name not in gone}

    def kept_in_scope(self) -> dict[str, str]:
        """The parameters that the scope's form hands on: all but the scope and pages."""
        gone = {*SCOPE, "format", "table"}
        return {n: v for n, v in self.params.items() if n not in gone and n != "page" and not n.endswith(".page")}

    def named(self, shown: Shown, name: str, *, main: bool) -> str:
        """The URL's name of a table's filter."""
        return prefixed(shown.table, name, main)

    def download(self, shown: Shown, *, main: bool) -> str:
        """The whole filtered table as CSV: this URL and its format."""
        page = prefixed(shown.table, "page", main)
        return self.here(**{page: None, "format": "csv", "table": None if main else shown.table.name})


@dataclass(frozen=True)
class Page:
    """What a page function hands back: a template, a title with its way back, tables and whatever else it shows.

    The first table is the main one: `?format=csv` alone downloads it. `notice` is said above everything else.
    """

    template: str
    title: str
    crumbs: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    has_scope: bool = True
    notice: str = ""


Handler = Callable[[Ask], Page]


def shown(ask: Ask, page: Page) -> dict[str, Shown]:
    """The page's tables, read."""
    return {
        table.name: load(ask.snapshot, table, ask.params, main=position == 0)
        for position, table in enumerate(page.tables)
    }


def scopes(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """The periods (newest first), entities and channels that the filters offer."""

    def find() -> dict[str, tuple[str, ...]]:
        relations = ("marts.fct_readiness", "marts.fct_control_results", "marts.fct_exceptions", "marts.fct_invoices")
        found: dict[str, set[str]] = {name: set() for name in SCOPE}
        for relation in relations:
            if not snapshot.has(relation):
                continue
            period = "close_period" if relation == "marts.fct_invoices" else "period"
            for row in snapshot.rows(
                f"select distinct {period} as period, selling_entity as entity, channel from {relation}"
            ):
                for name in SCOPE:
                    if row[name]:
                        found[name].add(row[name])
        return {name: tuple(sorted(values, reverse=name == "period")) for name, values in found.items()}

    result: dict[str, tuple[str, ...]] = snapshot.remember("scopes", find)
    return result


def key(text: object) -> str:
    """A key as a part of a path: slashes stay, everything else that a URL gives a meaning is escaped."""
    return quote(str(text), safe="/")


def _address(path: str, params: Mapping[str, str | None]) -> str:
    query = urlencode({name: value for name, value in params.items() if value})
    return f"{path}?{query}" if query else path
