"""Which sound events are accepted: exactly one per idempotency key, the first; corrections with their target.

First is the lowest register sequence, then line; what an earlier batch accepted stands whatever comes later.
Equal content is a duplicate, other content or another date a conflict. Keys that occur twice are few: they are
found by 64-bit hash (in the batch, and in the lake on its dates and the dates around), and only these candidates
are compared in full. What is not accepted moves from `events` to `left_out`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pyarrow as pa

from billing_assets.metering.events import AS_TEXT
from billing_assets.metering.lake import Keys, Lake, LakePart

CONTENT = ("event_type", "account_id", "event_time", "quantity", "properties")
_ROW = "file_sequence, line, event_id, source, event_type, account_id, event_time, event_date, quantity, properties"
# File sequence and line as one number, which is compared faster than two: a file has fewer than 2^36 lines.
_PLACE = "(file_sequence << 36) + line as place"


def deduplicate(bench: duckdb.DuckDBPyConnection, lake: Lake, lookback_days: int) -> None:
    """Judge `events` against itself and the lake, and leave in it what is accepted.

    A date that is more than the look-back away is not a conflict.
    Within one batch a key is compared whatever its dates are, and the same date is compared without limit.
    """
    bench.execute(
        """
        create or replace table seen (event_date date, batch integer, key ubigint);
        create or replace table candidate_keys (key ubigint)
        """
    )
    found = bench.execute("select event_date, count(corrects) from events group by event_date").fetchall()
    dates = [day for day, _ in found]
    has_corrections = any(corrections for _, corrections in found)
    keys = _sorted_keys(bench, "select key from events")
    _insert(bench, "candidate_keys", {"key": pa.array(keys[1:][keys[1:] == keys[:-1]])})
    find_in_lake(bench, lake, lake.around(dates, lookback_days), keys)
    if has_corrections:
        # As text: the hash of a code is not the hash of its text.
        bench.execute(f"create or replace table pending as select {AS_TEXT} from events where corrects is not null")
        # Targets of corrections, on any date: what was billed may be taken back at any time.
        targets = _sorted_keys(bench, "select hash(source, corrects) as key from pending")
        find_in_lake(bench, lake, lake.parts, targets)
        bench.execute(
            "insert into candidate_keys select key from pending union all select hash(source, corrects) from pending"
        )
    bench.execute("insert into candidate_keys select key from seen")
    if _count(bench, "candidate_keys") == 0:
        return
    with ThreadPoolExecutor(1) as pool:
        standing = pool.submit(_load_standing, bench.cursor(), lake)
        bench.execute(
            "create or replace table judged as"
            f" select *, {_PLACE} from events where corrects is null and key in (select key from candidate_keys)"
        )
        standing.result()
    _judge(bench, lookback_days)
    if has_corrections:
        _let_stand(bench)
        _judge_corrections(bench, lookback_days)
    bench.execute(
        "delete from events using left_out"
        " where events.file_sequence = left_out.file_sequence and events.line = left_out.line"
    )


def find_in_lake(bench: duckdb.DuckDBPyConnection, lake: Lake, parts: Sequence[LakePart], keys: Keys) -> None:
    """Which of these sorted keys the lake holds in these parts, into `seen`."""
    found = list(lake.find(bench, parts, keys))
    if found:
        repeats = [len(held) for _, held in found]
        _insert(
            bench,
            "seen",
            {
                "event_date": pa.array(np.repeat([np.datetime64(part.event_date) for part, _ in found], repeats)),
                "batch": pa.array(np.repeat([part.batch for part, _ in found], repeats)),
                "key": pa.array(np.concatenate([held for _, held in found])),
            },
        )


def _sorted_keys(bench: duckdb.DuckDBPyConnection, query: str) -> Keys:
    # Sorted outside of SQL: numpy takes a twentieth of the time to find what occurs twice.
    keys: Keys = bench.execute(query).fetchnumpy()["key"]
    keys.sort()
    return keys


def _load_standing(bench: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """`standing`: accepted events that a candidate may repeat, or correct."""
    bench.execute(
        f"create or replace table standing as select {_ROW}, key, false as is_in_lake"
        f" from (select {AS_TEXT} from events limit 0)"
    )
    hits = set(bench.execute("select distinct event_date, batch from seen").fetchall())
    parts = [part for part in lake.parts if (part.event_date, part.batch) in hits]
    if parts:
        bench.execute(
            f"""
            insert into standing
            select {_ROW}, key, true as is_in_lake
            from (
                select *, cast(event_time as date) as event_date, hash(source, event_id) as key
                from ({lake.query(parts)}))
            where key in (select key from seen)
            """
        )


def _judge(bench: duckdb.DuckDBPyConnection, lookback_days: int) -> None:
    """Judge the rows of `judged` against `standing`, then against the first of them that has their key.

    The join by hash is the quick way to rows of equal keys; source and event id decide.
    """
    is_same = " and ".join(f"standing.{name} = judged.{name}" for name in CONTENT)
    each = ", ".join(f"case when standing.{name} <> judged.{name} then '{name}' end" for name in CONTENT)
    differences = f"case when not ({is_same}) then concat_ws(', ', {each}) end"
    is_same_key = " and ".join(f"standing.{name} = judged.{name}" for name in ("key", "source", "event_id"))
    bench.execute(
        f"""
        insert into left_out
        with against_standing as (
            select
                judged.*, standing.file_sequence as first_file, standing.line as first_line,
                {is_same} as is_same, {differences} as differences
            from judged
            join standing
                on {is_same_key}
                and (
                    not standing.is_in_lake
                    or abs(date_diff('day', standing.event_date, judged.event_date)) <= {lookback_days})
            qualify row_number() over (
                partition by judged.place order by is_same desc, standing.file_sequence, standing.line) = 1
        ),
        unmet as (
            from judged anti join against_standing using (place)
        ),
        firsts as (
            select min(place) as place from unmet group by source, event_id having count(*) > 1
        ),
        against_each_other as (
            select
                judged.*, standing.file_sequence as first_file, standing.line as first_line,
                {is_same} as is_same, {differences} as differences
            from firsts
            join judged as standing using (place)
            join unmet as judged on {is_same_key} and standing.place <> judged.place
        ),
        verdicts as (
            from against_standing union all from against_each_other
        )
        select
            * exclude (place, first_file, first_line, is_same, differences)
                replace (case when not is_same then 'conflict ' || differences end as fault),
            if(is_same, 'duplicate', 'conflict'), first_file, first_line
        from verdicts
        """
    )


def _let_stand(bench: duckdb.DuckDBPyConnection) -> None:
    """What was judged and accepted joins `standing`, for the corrections that come after it."""
    bench.execute(
        f"insert into standing select {_ROW}, key, false from judged anti join left_out using (file_sequence, line)"
    )


def _judge_corrections(bench: duckdb.DuckDBPyConnection, lookback_days: int) -> None:
    """Corrections come after the events of their batch, in rounds: one may take back another."""
    while True:
        bench.execute(
            f"""
            create or replace table judged as
            select *, {_PLACE} from pending where exists (
                select 1 from standing
                where standing.source = pending.source and standing.event_id = pending.corrects
                    and standing.account_id = pending.account_id and standing.event_type = pending.event_type)
            """
        )
        if _count(bench, "judged") == 0:
            break
        bench.execute("create or replace table pending as from pending anti join judged using (file_sequence, line)")
        _judge(bench, lookback_days)
        _let_stand(bench)
    bench.execute(
        """
        insert into left_out
        select
            * replace (
                'correction no accepted event ' || corrects || ' of the same source, account and meter' as fault),
            'quarantined', null, null
        from pending
        """
    )


def _insert(bench: duckdb.DuckDBPyConnection, name: str, columns: dict[str, pa.Array]) -> None:
    bench.register("incoming", pa.table(columns))
    bench.execute(f"insert into {name} by name from incoming")
    bench.unregister("incoming")


def _count(bench: duckdb.DuckDBPyConnection, table: str) -> int:
    row = bench.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0
