"""Usage files of every format say the same, exactly; what cannot be read is set aside with its line and reason."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from billing_assets.landing import tables
from billing_assets.landing.files import Manifest
from billing_assets.landing.numbers import parse_decimal
from billing_assets.landing.times import parse_timestamp
from billing_assets.metering.lake import open_lake
from tests.metering.world import World, event, lines

LAKE = "select * exclude (file_sequence, line) from read_parquet(?, hive_partitioning = false) order by all"
CODES = "select line, code from raw_landing.quarantine order by line"


def lake(world: World) -> list[tuple[Any, ...]]:
    paths = [str(world.lake / path) for (path,) in world.rows("select path from raw_metering.lake_parts")]
    return world.connection.execute(LAKE, [paths]).fetchall() if paths else []


def parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


IDS = pa.array(["e1", "e2"])
FLAT = {
    "event_id": IDS,
    "source": pa.array(["gateway"] * 2),
    "event_type": pa.array(["tokens"] * 2),
    "account_id": pa.array(["A-1"] * 2),
}
TIMES = [datetime(2026, 3, 10, 10, 0, 0, 123456, UTC), datetime(2026, 3, 9, 22, 30, tzinfo=UTC)]
TEXT_TIMES = pa.array(["2026-03-10T10:00:00.123456Z", "2026-03-10T04:00:00+05:30"])
QUANTITIES = [Decimal("1.5"), Decimal("0.000000000001")]
EXPECTED = [
    (
        "e1",
        "gateway",
        "tokens",
        "A-1",
        datetime(2026, 3, 10, 10, 0, 0, 123456),
        Decimal("1.5"),
        '{"model":"m","n":"5"}',
    ),
    ("e2", "gateway", "tokens", "A-1", datetime(2026, 3, 9, 22, 30), Decimal("0.000000000001"), "{}"),
]
STRUCTS = pa.array([{"n": 5, "model": "m"}, None], pa.struct([("n", pa.int64()), ("model", pa.string())]))
MAPS = pa.array([[("n", "5"), ("model", "m")], []], pa.map_(pa.string(), pa.string()))
SAME = {
    "a.jsonl": lines(
        event("e1", "1.50", time="2026-03-10T10:00:00.123456Z", data={"model": "m", "n": 5, "absent": None}),
        '{"specversion":"1.0","id":"e2","source":"gateway","type":"tokens","subject":"A-1",'
        '"time":"2026-03-10T04:00:00+05:30","data":{"quantity":1e-12}}',
    ),
    "a.json": lines(
        '{ "id" : "e1", "source":"gateway", "type":"tokens", "subject":"A-1", "data":{"n":5,"model":"\\u006d",'
        ' "quantity":1.5}, "time":"2026-03-10 10:00:00.123456z", "traceparent":"x:y"}',
        "",
        event("e2", "+.000000000001000", time="2026-03-10T04:00:00+0530"),
    ),
    "a.csv": b"\xef\xbb\xbfsource,event_id,event_type,account_id,event_time,quantity,properties,unknown\r\n"
    b'gateway,e1,tokens,A-1,2026-03-10T10:00:00.123456Z,1.5,"{""n"":5,""model"":""m""}",x\r\n'
    b"gateway,e2,tokens,A-1,2026-03-10T04:00:00+05:30,0.000000000001,,\r\n",
    "typed.parquet": parquet(
        **FLAT,
        event_time=pa.array(TIMES, pa.timestamp("us", "UTC")),
        quantity=pa.array(QUANTITIES, pa.decimal128(20, 12)),
        properties=STRUCTS,
    ),
    "wide.parquet": parquet(
        **FLAT,
        event_time=pa.array(TIMES, pa.timestamp("ns", "UTC")),
        quantity=pa.array(QUANTITIES, pa.decimal128(38, 18)),
        properties=MAPS,
    ),
    "text.parquet": parquet(
        **FLAT,
        event_time=TEXT_TIMES,
        quantity=pa.array(["1.5", "1E-12"]),
        properties=pa.array(['{"n":5,"model":"m"}', None]),
    ),
}


@pytest.mark.parametrize("name", [*SAME, *(f"{name}.gz" for name in SAME)])
def test_every_format_gives_the_same_events(world: World, name: str) -> None:
    content = SAME[name.removesuffix(".gz")]
    world.land({name: gzip.compress(content) if name.endswith(".gz") else content})
    assert lake(world) == EXPECTED
    assert world.quarantine() == []


def test_many_files_of_many_shapes_in_one_batch_are_duplicates_of_the_first(world: World) -> None:
    world.land({f"{place}/{name}": content for place in ("[a]", "b*") for name, content in SAME.items()})
    assert lake(world) == EXPECTED
    assert world.counts() == [(2, 2, 0, 0, 0)] + [(2, 0, 2, 0, 0)] * (2 * len(SAME) - 1)


BAD_LINES = [
    ("json", "{"),
    ("json", "[1]"),
    ("json", json.dumps(event("a"))[:-1] + ',"id":"b"}'),
    ("json", '{"id":"a","source":"s","type":"t","subject":"A","time":"2026-03-10T00:00:00Z","data":{"x":1,"x" :2}}'),
    ("json", '{"id":"a","source":"s","type":"t","subject":"A","time":"2026-03-10T00:00:00Z","data":{"x":"\\ud800"}}'),
    ("json", json.dumps({**event("a"), "data": [1]})),
    ("field", json.dumps({**event("a"), "id": 5})),
    ("field", json.dumps({**event("a"), "subject": " "})),
    ("field", json.dumps({k: v for k, v in event("a").items() if k != "source"})),
    ("field", json.dumps({**event("a"), "time": None})),
    ("time", json.dumps(event("a", time="2026-03-10T00:00:00"))),
    ("time", json.dumps(event("a", time="2026-02-30T00:00:00Z"))),
    ("time", json.dumps(event("a", time="2026-03-10T00:00:00.1234567Z"))),
    ("future", json.dumps(event("a", time="2026-03-11T01:00:00.000001Z"))),
    ("number", json.dumps(event("a", "1e400"))),
    (
        "number",
        '{"id":"a","source":"s","type":"t","subject":"A","time":"2026-03-10T00:00:00Z","data":{"quantity":1e400}}',
    ),
    ("number", json.dumps(event("a", "NaN"))),
    ("json", json.dumps(event("a", float("nan")))),
    ("number", json.dumps(event("a", "1.0000000000001"))),
    ("number", json.dumps(event("a", "1_000"))),
    ("number", json.dumps(event("a", ""))),
    ("number", json.dumps(event("a", " 5 "))),
    ("number", json.dumps(event("a", "1000000000000000"))),
    ("number", json.dumps(event("a", True))),
    ("number", json.dumps(event("a", {"x": 1}))),
    ("nested", json.dumps(event("a", data={"x": [1]}))),
    ("nested", json.dumps(event("a", data={"x": {"y": 1}}))),
    ("correction", json.dumps(event("a", "-1"))),
]


@pytest.mark.parametrize(("code", "text"), BAD_LINES)
def test_a_bad_line_is_set_aside_with_its_line_and_text_and_the_others_are_taken(
    world: World, code: str, text: str
) -> None:
    world.land({"a.jsonl": lines(event("good"), "", text, event("last", time="2026-03-11T01:00:00Z"))})
    rows = world.rows("select line, code, original, length(reason) > 3 from raw_landing.quarantine")
    assert rows == [(3, code, text, True)]
    assert [event_id for event_id, _ in world.events()] == ["good", "last"]
    assert world.counts() == [(3, 2, 0, 0, 1)]


def test_bad_csv_rows_keep_their_physical_line(world: World) -> None:
    world.land(
        {
            "a.csv": b"event_id,source,event_type,account_id,event_time,quantity,properties\n"
            b"e1,s,tokens,A-1,2026-03-10T00:00:00Z,5\n"
            b'e2,s,tokens,"A\n-1",2026-03-10T00:00:00Z,5,\n'
            b"e3,s,tokens,A-1,2026-03-10T00:00:00Z,x,\n"
            b"e4,s,tokens,A-1,2026-03-10T00:00:00Z,,{\n"
            b"e5,s,tokens,A-1,2026-03-10T00:00:00Z,,\n"
        }
    )
    assert world.rows(CODES) == [(2, "csv"), (5, "number"), (6, "json")]
    assert world.events() == [("e2", Decimal(5)), ("e5", Decimal(1))]


def test_parquet_types_that_cannot_be_exact_are_refused_row_by_row(world: World) -> None:
    zoned = pa.array(TIMES, pa.timestamp("us", "UTC"))
    nanoseconds = pa.array([1_000_000_001, 2_000_000_000], pa.timestamp("ns", "UTC"))
    nested = pa.array([{"x": [1]}, {"x": None}], pa.struct([("x", pa.list_(pa.int64()))]))
    world.land(
        {
            "float.parquet": parquet(**FLAT, event_time=zoned, quantity=pa.array([1.5, None])),
            "zone.parquet": parquet(
                **FLAT, event_time=pa.array([TIMES[0].replace(tzinfo=None), None], pa.timestamp("us"))
            ),
            "nano.parquet": parquet(**FLAT, event_time=nanoseconds),
            "nested.parquet": parquet(**FLAT, event_time=zoned, properties=nested),
            "digits.parquet": parquet(
                **FLAT, event_time=zoned, quantity=pa.array([Decimal("0.1234567890123")] * 2, pa.decimal128(20, 13))
            ),
        }
    )
    # The other rows stand, but one key of file 3 is of another date than its first in file 1.
    assert world.quarantine() == [
        (1, 1, "number"), (2, 1, "time"), (2, 2, "field"), (3, 1, "time"), (3, 2, "conflict"), (4, 1, "nested"),
        (5, 1, "number"), (5, 2, "number"),
    ]  # fmt: skip


def test_a_file_without_a_required_column_is_set_aside_whole_and_its_rows_are_counted(world: World) -> None:
    world.land(
        {
            "a.csv": b"event_id,source,event_type,event_time\ne1,s,tokens,2026-03-10T00:00:00Z\n",
            "b.parquet": parquet(event_id=IDS, source=IDS),
            "c.csv": b"event_id,event_id\n1,2\n",
            "d.parquet": b"PAR1 no parquet",
            "e.jsonl": lines(event("e1")),
        }
    )
    assert world.quarantine() == [(n, None, "container") for n in (1, 2, 3, 4)]
    assert world.counts() == [(1, 0, 0, 0, 1), (2, 0, 0, 0, 2), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (1, 1, 0, 0, 0)]


def test_a_damaged_page_sets_its_own_file_aside_and_no_other(world: World) -> None:
    good = SAME["typed.parquet"]
    many = parquet(
        **{name: pa.array([f"{name}-{n}" for n in range(5000)]) for name in FLAT},
        event_time=pa.array([TIMES[0]] * 5000, pa.timestamp("us", "UTC")),
        quantity=pa.array(QUANTITIES * 2500, pa.decimal128(20, 12)),
        properties=pa.array([{"n": 5, "model": "m"}] * 5000, STRUCTS.type),
    )
    damaged = many[:200] + bytes(byte ^ 0xFF for byte in many[200:4000]) + many[4000:]
    world.land({"a.parquet": damaged, "b.parquet": good})
    assert world.quarantine() == [(1, None, "container")]
    assert lake(world) == EXPECTED


def test_a_disagreeing_manifest_sets_the_file_aside_and_its_rows_stand_for_nobody(world: World) -> None:
    content = lines(event("e1", 2), event("e2", None), "bad")
    wrong = Manifest(file_sequence=9, path="m", records=4)
    right = Manifest(
        file_sequence=9, path="m", records=2, quantity=Decimal(3), min_time=TIMES[0].replace(microsecond=0)
    )
    world.land(
        {"a.jsonl": content, "b.jsonl": lines(event("e1", 2, time="2026-03-10T10:00:00Z"), event("e3", 1))},
        manifests={"a.jsonl": wrong, "b.jsonl": right},
    )
    assert world.quarantine() == [(1, None, "manifest")]
    assert world.counts() == [(3, 0, 0, 0, 3), (2, 2, 0, 0, 0)]
    assert world.rows("select units_received, units_quarantined from raw_landing.conservation")[0] == (
        '{"tokens":"3"}',
        '{"tokens":"3"}',
    )


def test_a_missing_quantity_is_one_unless_a_landed_charge_reads_the_quantity(world: World) -> None:
    world.charge("calls", aggregation="count")
    world.charge("users", aggregation="unique_count", read_property="user", contract="C-2")
    world.charge("bytes", aggregation="max", read_property="size", contract="C-3")
    world.land({"a.jsonl": lines(*(event(m, None, type=m) for m in ("calls", "users", "bytes", "tokens")))})
    assert world.quarantine() == []
    assert {quantity for _, quantity in world.events()} == {Decimal(1)}
    world.charge("tokens", contract="C-4")
    world.land({"b.jsonl": lines(event("late", None))})
    assert world.quarantine() == [(2, 1, "quantity_missing")]


def test_an_aggregated_property_must_be_a_number_where_it_is_present(world: World) -> None:
    world.charge("calls", aggregation="max", read_property="size")
    world.land(
        {
            "a.jsonl": lines(
                event("e1", type="calls", data={"size": "7"}),
                event("e2", type="calls", data={"size": "big"}),
                event("e3", type="calls"),
            )
        }
    )
    assert world.quarantine() == [(1, 2, "number")]
    assert world.rows(
        "select measure, sum(event_count), max(quantity_max) from raw_metering.usage_buckets group by all order by all"
    ) == [("quantity", 2, Decimal(1)), ("size", 1, Decimal(7))]


NUMBERS = st.one_of(
    st.from_regex(r"\A[+-]?[0-9]{0,17}\.?[0-9]{0,14}([eE][+-]?[0-9]{1,3})?\Z"),
    st.text(alphabet="0159.eE+-_ ,", max_size=12),
)
MOMENTS = st.from_regex(
    r"\A(19|20|30)[0-9]{2}-[01][0-9]-[0-3][0-9][T t][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
    r"(\.[0-9]{1,7})?(Z|z|[+-][012][0-9]:?[0-6][0-9])?\Z"
)


# Not shrunk: an example is a whole batch of texts, and the failing text is in the message.
@settings(max_examples=4, deadline=None, phases=[Phase.generate])
@given(numbers=st.lists(NUMBERS, min_size=60, max_size=60), moments=st.lists(MOMENTS, min_size=60, max_size=60))
def test_sql_reads_exactly_what_landing_defines_as_readable(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[str], moments: list[str]
) -> None:
    """One definition of a number and of a time holds for usage too, whatever way a text takes."""
    world = World(tmp_path_factory.mktemp("parity"))
    world.charge(aggregation="weighted_sum")  # a negative quantity needs no target here
    as_of = datetime(2998, 1, 1, tzinfo=UTC).date()
    content = [event(f"n{i}", text) for i, text in enumerate(numbers)]
    content += [event(f"t{i}", 1, time=text) for i, text in enumerate(moments)]
    world.land({"a.jsonl": lines(*content)}, as_of=as_of)
    read_numbers = {f"n{i}": parse_decimal(text) for i, text in enumerate(numbers)}
    read_moments = {f"t{i}": parse_timestamp(text) for i, text in enumerate(moments)}
    found = {row[0]: (row[4], row[5]) for row in lake(world)}
    for event_id, number in read_numbers.items():
        assert found.get(event_id, (None, None))[1] == (number if isinstance(number, Decimal) else None)
    for event_id, moment in read_moments.items():
        if isinstance(moment, datetime) and moment.year < 2998:
            assert found[event_id][0] == moment.replace(tzinfo=None)
        else:
            assert event_id not in found


def test_a_line_that_spans_read_blocks_is_one_line(world: World, tmp_path: Path) -> None:
    long = event("long", 1, data={"text": "x" * 9_000_000})
    world.land({"a.jsonl": lines(event("e1"), long, event("e3", "x"), "{"), "b.jsonl": lines(event("end"))[:-1]})
    assert world.quarantine() == [(1, 3, "number"), (1, 4, "json")]
    assert [event_id for event_id, _ in world.events()] == ["e1", "end", "long"]


def test_the_lake_is_open_to_queries_and_only_its_committed_files_are(world: World) -> None:
    events = "select event_date::varchar, event_id, quantity from raw_metering.usage_events order by event_id"
    assert world.connection.execute(events).fetchall() == []
    world.land({"a.jsonl": lines(event("1", "2.5"), event("2", "3", time="2026-03-09T23:59:59Z"))})
    world.land({"b.jsonl": lines(event("3", "4"), event("1", "2.5"))})
    stray = world.lake / "usage/event_date=2026-03-10/batch-9.parquet"
    world.connection.execute(f"copy (select 'stray' as event_id) to '{stray}' (format parquet)")
    open_lake(world.connection, world.lake)
    assert world.connection.execute(events).fetchall() == [
        ("2026-03-10", "1", Decimal("2.5")),
        ("2026-03-09", "2", Decimal(3)),
        ("2026-03-10", "3", Decimal(4)),
    ]
    tables.create(world.connection)  # what every run does first leaves it open
    assert len(world.connection.execute(events).fetchall()) == 3
