"""What was known of a marketplace feed on a day: its resolved rows, from the versions that had landed by then.

Belongs here: the question and its answer, read only. The same resolution as of today is the int_*__resolved models of
dbt; how versions are kept is `marketplace`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from billing_assets.errors import OperatorError
from billing_assets.landing.marketplace_feeds import FEEDS, Feed


class NoFeed(OperatorError, KeyError):
    """No feed has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class KnownRows:
    """Rows of a feed by the names of `columns`, in order of the feed's key and valid_from. Times are UTC."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def known_on(connection: duckdb.DuckDBPyConnection, feed: str, day: date, key: str | None = None) -> KnownRows:
    """The rows of a feed as they were known at the end of `day`; `key` = only those with this id in their key.

    One row per key and valid_from with its latest update, deleted ones left out; of billing events one per id. Raises
    NoFeed.
    """
    if feed not in FEEDS:
        raise NoFeed(f"{feed} is no feed: one of {', '.join(FEEDS)}")
    described = FEEDS[feed]
    columns = (*described.columns, "extra", "path", "line", "first_seen")
    is_wanted = " or ".join(f"cast({name} as varchar) = $key" for name in described.key) if key is not None else "true"
    rows = connection.execute(
        f"""
        with known as (
            select *
            from {described.table}
            where first_seen <= $day and (dropped_on is null or dropped_on > $day) and ({is_wanted})
        )
        select {", ".join(columns)}
        from known
        qualify row_number() over (
            partition by {", ".join(_versioned_by(described))}
            order by update_date desc nulls last, insert_date desc nulls last, file_sequence desc, line desc
        ) = 1 and delete_date is null
        order by {", ".join(described.key)}, valid_from
        """,
        {"day": day, **({"key": key} if key is not None else {})},
    ).fetchall()
    return KnownRows(columns, rows)


def _versioned_by(feed: Feed) -> tuple[str, ...]:
    # An event is what it is whenever it is said to hold; everything else has a history.
    return feed.key if feed.name == "billingeventfeed" else (*feed.key, "valid_from")
