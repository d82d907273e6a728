"""Roll-ups equal what the lake's events give when they are aggregated one by one, and grow with the contracts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from billing_assets.metering.rules import is_off_the_hour, read_rules
from tests.metering.world import World, event, lines

BUCKETS = "select * from raw_metering.usage_buckets order by all"


def at(minute: str, event_id: str, quantity: object = 1, **changes: object) -> dict:  # type: ignore[type-arg]
    return event(event_id, quantity, time=f"2026-03-10T10:{minute}Z", **changes)


def test_a_bucket_holds_every_partial_that_its_charges_need(world: World) -> None:
    world.charge(aggregation="latest", group_by=["model"])
    world.charge(aggregation="weighted_sum", contract="C-2")
    world.land(
        {"a.jsonl": lines(at("59:59.5", "e1", 7, data={"model": "m"}), at("30:00", "e2", -2, data={"model": "m"}))}
    )
    world.land({"b.jsonl": lines(at("59:59.5", "e0", 5, data={"model": "m", "other": 1}))})
    assert world.rows(BUCKETS) == [
        (
            datetime(2026, 3, 10, 10), datetime(2026, 3, 10, 11), "A-1", "tokens", '{"model":"m"}', "quantity",
            3, Decimal(10), Decimal(7), Decimal(-2),
            datetime(2026, 3, 10, 10, 59, 59, 500000), "gateway", "e1", Decimal(7),
            Decimal(7 * 1 - 2 * 1800 + 5 * 1),
        )
    ]  # fmt: skip


def test_dimensions_are_the_properties_that_any_contract_on_the_meter_reads(world: World) -> None:
    world.charge(group_by=["b"], filters={"a": "x"})
    data = {"a": "x", "b": True, "c": 1, "contract_id": "C-1"}
    world.land({"a.jsonl": lines(at("00:00", "e1", data=data), at("00:00", "e2", type="calls", data=data))})
    assert world.rows("select meter, dimensions from raw_metering.usage_buckets order by all") == [
        ("calls", '{"contract_id":"C-1"}'),
        ("tokens", '{"a":"x","b":"true","contract_id":"C-1"}'),
    ]


def test_numeric_properties_amounts_and_units_are_read(world: World) -> None:
    world.charge("calls", aggregation="max", read_property="size")
    world.charge("fees", model="precomputed", contract="C-2")
    world.charge("hosts", aggregation="max", model="capacity", contract="C-3")
    world.land(
        {
            "a.jsonl": lines(
                at("00:00", "e1", None, type="calls", data={"size": 3}),
                at("01:00", "e2", None, type="calls", data={"size": "1e1"}),
                at("02:00", "e3", None, type="fees", data={"amount": "12.50"}),
                at("03:00", "e4", 4, type="hosts", data={"unit": "cpu"}),
            )
        }
    )
    assert world.rows(
        "select meter, dimensions, measure, event_count, quantity_sum, quantity_max"
        " from raw_metering.usage_buckets order by all"
    ) == [
        ("calls", "{}", "quantity", 2, Decimal(2), Decimal(1)),
        ("calls", "{}", "size", 2, Decimal(13), Decimal(10)),
        ("fees", "{}", "amount", 1, Decimal("12.5"), Decimal("12.5")),
        ("fees", "{}", "quantity", 1, Decimal(1), Decimal(1)),
        ("hosts", '{"unit":"cpu"}', "quantity", 1, Decimal(4), Decimal(4)),
    ]


def test_distinct_values_are_kept_once_a_bucket(world: World) -> None:
    world.charge("users", aggregation="unique_count", read_property="user")
    for name in ("a", "b"):
        users = [at(f"{n}:00", f"{name}{n}", type="users", data={"user": f"u{n % 2}"}) for n in range(10, 14)]
        world.land({f"{name}.jsonl": lines(*users, at("20:00", f"{name}none", type="users"))})
    assert world.rows("select property, value from raw_metering.unique_values order by all") == [
        ("user", "u0"),
        ("user", "u1"),
    ]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", False), ("Europe/Berlin", False), ("Asia/Kolkata", True), ("Asia/Kathmandu", True),
        ("Australia/Lord_Howe", True), ("America/St_Johns", True), ("no/zone", False),
    ],
)  # fmt: skip
def test_zones_off_the_whole_hour_are_known(zone: str, expected: bool) -> None:
    assert is_off_the_hour(zone) is expected


@pytest.mark.parametrize("moment", ["effective_at", "expires_at", "voided_at", "anchor"])
def test_credit_off_the_hour_tells_its_accounts_usage_by_the_quarter(world: World, moment: str) -> None:
    world.charge(contract="C-0", account="A-1")
    world.grant("C-0", effective_at=datetime(2026, 1, 1, 5))
    world.charge(contract="C-1", account="A-2")
    world.grant("C-1", **{moment: datetime(2026, 1, 1, 5, 30)})
    assert read_rules(world.connection).quarter_hour_accounts == {"A-2"}


def everything_late(world: World) -> None:
    """Contracts that ask for more than the roll-ups keep, landed after the events."""
    world.charge(contract="N-1", group_by=["model"], account="A-2", zone="Asia/Kolkata")
    world.charge(contract="N-2", aggregation="latest", account="A-9")
    world.charge(contract="N-3", aggregation="max", read_property="size", account="A-9")
    world.charge(contract="N-4", aggregation="unique_count", read_property="model", account="A-9")
    world.charge("calls", contract="N-5", aggregation="weighted_sum", account="A-9")


def test_what_a_later_contract_asks_for_is_built_again_from_the_lake(tmp_path_factory: pytest.TempPathFactory) -> None:
    def land(is_late: bool) -> World:
        world = World(tmp_path_factory.mktemp("world"))
        world.charge(contract="C-0")
        if not is_late:
            everything_late(world)
        for batch in range(3):
            if is_late and batch == 2:
                everything_late(world)
            rows = [
                at(
                    f"{n:02d}:00", f"{batch}-{n}", n, type=("tokens", "calls", "other")[n % 3],
                    subject=f"A-{n % 2 + 1}", data={"model": f"m{n % 4}", "size": n},
                )
                for n in range(batch, 40, 3)
            ]  # fmt: skip
            # The contract may land in a batch without any usage.
            world.land({"a.jsonl": lines(*rows)} if batch < 2 else {})
        return world

    late, early = land(is_late=True), land(is_late=False)
    for table in ("usage_buckets", "unique_values"):
        query = f"from raw_metering.{table} order by all"
        assert late.rows(query) == early.rows(query) != []
    lengths = late.rows(
        "select distinct account_id, bucket_to - bucket_from from raw_metering.usage_buckets order by all"
    )
    assert [(account, length.seconds) for account, length in lengths] == [("A-1", 3600), ("A-2", 900)]
