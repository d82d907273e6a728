"""Which sound events are accepted: exactly one per idempotency key, the first; corrections with their target.

First is the lowest register sequence, then line; what an earlier batch accepted stands whatever comes later.
Equal content is a duplicate, other content or another date a conflict. Keys that occur twice are few: they are
found by 64-bit hash (in the batch, and in the lake on its dates and the dates around), and only these candidates
are compared in full. What is not accepted moves from `events` to `left_out`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from billing_assets.metering.events import AS_TEXT
from billing_assets.metering.lake import Lake, LakePart

# Rows of the key index taken at a time: few enough to stay in cache.
_PROBE_ROWS = 131_072
# 128 kB to 32 MB of filter.
_LEAST_BITS, _MOST_BITS = 20, 28

CONTENT = ("event_type", "account_id", "event_time", "quantity", "properties")
_ROW = "file_sequence, line, event_id, source, event_type, account_id, event_time, event_date, quantity, properties"


def deduplicate(bench: duckdb.DuckDBPyConnection, lake: Lake, lookback_days: int) -> None:
    """Judge `events` against itself and the lake, and leave in it what is accepted.

    A date that is more than the look-back away is not a conflict.
    Within one batch a key is compared whatever its dates are, and the same date is compared without limit.
    """
    bench.execute("create or replace temp table rejected (file_sequence bigint, line bigint)")
    bench.execute("create or replace temp table seen (event_date date, batch integer, key ubigint)")
    dates = [row[0] for row in bench.execute("select distinct event_date from events order by 1").fetchall()]
    bench.execute("create or replace temp table repeated as select key from events group by key having count(*) > 1")
    bench.execute(f"create or replace temp table pending as select {AS_TEXT} from events where corrects is not null")
    has_corrections = _count(bench, "pending") > 0
    find_in_lake(bench, lake, lake.around(dates, lookback_days))
    if has_corrections:
        _find_targets(bench, lake)
    bench.execute(
        """
        create or replace temp table candidate_keys as
        select key from repeated
        union select key from seen
        union select key from pending
        union select hash(source, corrects) as key from pending
        """
    )
    if _count(bench, "candidate_keys") == 0:
        return
    _load_standing(bench, lake)
    bench.execute(
        "create or replace temp table judged as"
        f" select {AS_TEXT} from events where corrects is null and key in (select key from candidate_keys)"
    )
    _judge(bench, lookback_days)
    if has_corrections:
        _let_stand(bench)
        _judge_corrections(bench, lookback_days)
    bench.execute(
        "delete from events using rejected"
        " where events.file_sequence = rejected.file_sequence and events.line = rejected.line"
    )


def find_in_lake(bench: duckdb.DuckDBPyConnection, lake: Lake, parts: Sequence[LakePart]) -> None:
    """Keys of the batch that the lake holds in these parts."""
    _find(bench, lake, parts, "select key from events")


def _find_targets(bench: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Targets of corrections, on any date: what was billed may be taken back at any time."""
    _find(bench, lake, lake.parts, "select hash(source, corrects) as key from pending")


def _find(bench: duckdb.DuckDBPyConnection, lake: Lake, parts: Sequence[LakePart], keys: str) -> None:
    if not parts:
        return
    dates = ", ".join(f"date '{day}'" for day in sorted({part.event_date for part in parts}))
    files = lake.key_files(bench, parts)
    flags, bits = _flags(bench, keys)

    def flagged(batch: int) -> pa.Table:
        found = [
            rows.filter(pc.take(flags, pc.shift_right(rows.column("key"), pa.scalar(64 - bits, pa.uint64()))))
            for rows in pq.ParquetFile(files[batch], memory_map=True).iter_batches(_PROBE_ROWS, use_threads=False)
        ]
        table = pa.Table.from_batches(found, pa.schema([("event_date", pa.date32()), ("key", pa.uint64())]))
        return table.append_column("batch", pa.repeat(pa.scalar(batch, pa.int32()), table.num_rows))

    threads = bench.execute("select current_setting('threads')").fetchall()[0][0]
    with ThreadPoolExecutor(int(threads)) as pool:
        bench.register("flagged", pa.concat_tables(pool.map(flagged, files)))
    bench.execute(
        f"""
        insert into seen
        select event_date, batch, key from flagged
        where event_date in ({dates}) and key in (select key from ({keys}))
        """
    )
    bench.unregister("flagged")


def _flags(bench: duckdb.DuckDBPyConnection, keys: str) -> tuple[pa.BooleanArray, int]:
    """Which values the upper bits of the keys take, and how many bits: a filter of 64 places a key.

    The keys of 40 days pass by every night: all but a few hundredths are turned away here, more cheaply
    than by a look into a hash table.
    """
    count = bench.execute(f"select count(*) from ({keys})").fetchall()[0][0]
    bits = min(max((64 * count).bit_length(), _LEAST_BITS), _MOST_BITS)
    # Arrow numbers the bits of a byte from the right, DuckDB from the left.
    packed = bench.execute(
        f"""
        select cast(bitstring_agg(xor(cast(key >> {64 - bits} as integer), 7), 0, {2**bits - 1}) as blob)
        from (select key from ({keys}) union all select cast(0 as ubigint))
        """
    ).fetchall()[0][0]
    return pa.BooleanArray.from_buffers(pa.bool_(), 2**bits, [None, pa.py_buffer(packed)]), bits


def _load_standing(bench: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """`standing`: accepted events that a candidate may repeat, or correct."""
    bench.execute(
        f"create or replace temp table standing as select {_ROW}, key, false as is_in_lake from left_out limit 0"
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
    bench.execute(
        f"""
        create or replace temp table verdicts as
        with against_standing as (
            select
                judged.file_sequence, judged.line, standing.file_sequence as first_file,
                standing.line as first_line, {is_same} as is_same, {differences} as differences
            from judged
            join standing
                on standing.key = judged.key
                and standing.source = judged.source and standing.event_id = judged.event_id
                and (
                    not standing.is_in_lake
                    or abs(date_diff('day', standing.event_date, judged.event_date)) <= {lookback_days})
            qualify row_number() over (
                partition by judged.file_sequence, judged.line
                order by is_same desc, standing.file_sequence, standing.line) = 1
        ),
        firsts as (
            select min({{'file_sequence': file_sequence, 'line': line}}) as place
            from judged
            anti join against_standing using (file_sequence, line)
            group by source, event_id
            having count(*) > 1
        ),
        against_each_other as (
            select
                judged.file_sequence, judged.line, standing.file_sequence as first_file,
                standing.line as first_line, {is_same} as is_same, {differences} as differences
            from firsts
            join judged as standing
                on standing.file_sequence = firsts.place.file_sequence and standing.line = firsts.place.line
            join judged
                on standing.key = judged.key
                and standing.source = judged.source and standing.event_id = judged.event_id
                and (standing.file_sequence, standing.line) <> (judged.file_sequence, judged.line)
            anti join against_standing
                on against_standing.file_sequence = judged.file_sequence and against_standing.line = judged.line
        )
        from against_standing union all from against_each_other
        """
    )
    bench.execute(
        """
        insert into left_out
        select
            judged.* replace (case when not verdicts.is_same then 'conflict ' || verdicts.differences end as fault),
            if(verdicts.is_same, 'duplicate', 'conflict'), verdicts.first_file, verdicts.first_line
        from judged
        join verdicts using (file_sequence, line)
        """
    )
    bench.execute("insert into rejected select file_sequence, line from verdicts")


def _let_stand(bench: duckdb.DuckDBPyConnection) -> None:
    """What was judged and accepted joins `standing`, for the corrections that come after it."""
    bench.execute(
        f"insert into standing select {_ROW}, key, false from judged anti join verdicts using (file_sequence, line)"
    )


def _judge_corrections(bench: duckdb.DuckDBPyConnection, lookback_days: int) -> None:
    """Corrections come after the events of their batch, in rounds: one may take back another."""
    while True:
        bench.execute(
            """
            create or replace temp table judged as
            select * from pending where exists (
                select 1 from standing
                where standing.source = pending.source and standing.event_id = pending.corrects
                    and standing.account_id = pending.account_id and standing.event_type = pending.event_type)
            """
        )
        if _count(bench, "judged") == 0:
            break
        bench.execute(
            "create or replace temp table pending as from pending anti join judged using (file_sequence, line)"
        )
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
    bench.execute("insert into rejected select file_sequence, line from pending")


def _count(bench: duckdb.DuckDBPyConnection, table: str) -> int:
    row = bench.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0
