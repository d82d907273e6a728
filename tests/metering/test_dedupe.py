"""One event per key: the first stands, equal content is a duplicate, anything else a conflict; corrections."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from billing_assets.metering.meter import LakeIncomplete
from tests.metering.world import World, event, lines

OTHER_DAY = "2026-03-09T10:15:00Z"


def test_equal_content_is_a_duplicate_however_it_is_written(world: World) -> None:
    same = event("e1", "1.50", time="2026-03-10T11:15:00+01:00", data={"model": "m", "none": None})
    world.land({"a.jsonl": lines(event("e1", 1.5, data={"model": "m"}), same), "b.jsonl": lines(same)})
    world.land({"c.jsonl": lines(same)})
    assert world.counts() == [(2, 1, 1, 0, 0), (1, 0, 1, 0, 0), (1, 0, 1, 0, 0)]
    assert world.quarantine() == []


@pytest.mark.parametrize(
    "other",
    [
        event("e1", 2),
        event("e1", 1, subject="A-2"),
        event("e1", 1, type="calls"),
        event("e1", 1, time="2026-03-10T10:15:00.000001Z"),
        event("e1", 1, time=OTHER_DAY),
        event("e1", 1, data={"model": "m"}),
    ],
)
@pytest.mark.parametrize("is_later_batch", [False, True])
def test_other_content_is_a_conflict_and_the_first_stands(world: World, other: dict, is_later_batch: bool) -> None:  # type: ignore[type-arg]
    first = {"a.jsonl": lines(event("e0"), event("e1"))}
    second = {"b.jsonl": lines(other)}
    if is_later_batch:
        world.land(first)
        world.land(second)
    else:
        world.land(first | second)
    assert world.quarantine() == [(2, 1, "conflict")]
    assert world.events() == [("e0", Decimal(1)), ("e1", Decimal(1))]
    assert world.counts() == [(2, 2, 0, 0, 0), (1, 0, 0, 1, 0)]
    assert "usage/a.jsonl line 2" in world.rows("select reason from raw_landing.quarantine")[0][0]


def test_the_same_id_of_another_source_is_another_event(world: World) -> None:
    world.land({"a.jsonl": lines(event("e1"), event("e1", 5, source="other"))})
    assert world.counts() == [(2, 2, 0, 0, 0)]


def test_a_faulty_row_stands_for_nothing(world: World) -> None:
    world.land({"a.jsonl": lines(event("e1", "x"), event("e1", 7))})
    assert world.events() == [("e1", Decimal(7))]


@pytest.mark.parametrize(("day", "counts"), [(30, (1, 0, 0, 1, 0)), (20, (1, 1, 0, 0, 0))])
def test_across_dates_the_lake_is_searched_as_far_as_the_look_back(
    tmp_path: Path, day: int, counts: tuple[int, ...]
) -> None:
    world = World(tmp_path, lookback_days=8)
    world.land({"a.jsonl": lines(event("e1", time="2026-03-07T00:00:00Z"))})
    world.land({"b.jsonl": lines(event("e1", time=f"2026-02-{day - 2}T00:00:00Z"))})
    assert world.counts()[1] == counts


def test_a_lost_key_index_is_made_again_and_a_lost_lake_is_named(world: World) -> None:
    world.land({"a.jsonl": lines(event("e1"))})
    shutil.rmtree(world.lake / "keys")
    world.land({"b.jsonl": lines(event("e1"))})
    assert world.counts()[1] == (1, 0, 1, 0, 0)
    shutil.rmtree(world.lake)
    with pytest.raises(LakeIncomplete, match="event_date=2026-03-10"):
        world.land({"c.jsonl": lines(event("e1"))})


def correction(event_id: str, target: str | None, quantity: object = -1, **changes: object) -> dict:  # type: ignore[type-arg]
    return event(event_id, quantity, data={"corrects": target}, **changes)


@pytest.mark.parametrize("order", [1, -1])
def test_a_correction_finds_its_target_in_any_order_and_in_earlier_batches(world: World, order: int) -> None:
    world.charge()
    rows = [event("e1", 5), correction("c1", "e1"), correction("c2", "c1")]
    world.land({"a.jsonl": lines(*rows[::order])})
    world.land({"b.jsonl": lines(correction("c3", "e1", time=OTHER_DAY), correction("c3", "e1", time=OTHER_DAY))})
    assert world.counts() == [(3, 3, 0, 0, 0), (2, 1, 1, 0, 0)]
    assert world.rows("select sum(quantity_sum) from raw_metering.usage_buckets") == [(Decimal(2),)]


@pytest.mark.parametrize(
    "row",
    [
        correction("c1", None),
        correction("c1", "unknown"),
        correction("c1", "c1"),
        correction("c1", "e1", source="other"),
        correction("c1", "e1", subject="A-2"),
        correction("c1", "e1", type="calls"),
        correction("c1", "later"),
        correction("c1", "bad"),
    ],
)
def test_a_correction_without_accepted_target_is_set_aside(world: World, row: dict) -> None:  # type: ignore[type-arg]
    world.land({"a.jsonl": lines(event("e1", 5), event("bad", "x"), row)})
    world.land({"b.jsonl": lines(event("later", 5))})
    assert (1, 3, "correction") in world.quarantine()
    assert world.counts()[0] == (3, 1, 0, 0, 2)


def test_corrections_of_each_other_end(world: World) -> None:
    world.land({"a.jsonl": lines(correction("c1", "c2"), correction("c2", "c1"))})
    assert world.counts() == [(2, 0, 0, 0, 2)]


@pytest.mark.parametrize(
    ("aggregation", "quarantined"), [("sum", 0), ("count", 0), ("max", 1), ("latest", 1), ("weighted_sum", 0)]
)
def test_a_correction_is_taken_only_where_the_quantity_is_summed(
    world: World, aggregation: str, quarantined: int
) -> None:
    world.charge(aggregation=aggregation)
    world.land({"a.jsonl": lines(event("e1", 5), correction("c1", "e1"))})
    assert world.counts() == [(2, 2 - quarantined, 0, 0, quarantined)]


def test_a_fall_in_level_needs_no_target(world: World) -> None:
    world.charge(aggregation="weighted_sum")
    world.charge(contract="C-2", aggregation="max")
    world.land({"a.jsonl": lines(event("e1", -5))})
    assert world.counts() == [(1, 1, 0, 0, 0)]
