"""What was known of a feed on a day."""

from datetime import date
from decimal import Decimal

import pytest
from click.testing import CliRunner

from billing_assets.cli import main
from billing_assets.landing.marketplace_history import KnownRows, NoFeed, known_on
from tests.landing.conftest import World
from tests.landing.test_marketplace import MARCH, PRODUCTS, event, month, product, products


def known(world: World, feed: str, day: int, key: str | None = None) -> KnownRows:
    with world.warehouse().reader() as connection:
        return known_on(connection, feed, date(2026, 4, day), key)


def amounts(world: World, day: int) -> dict[str, Decimal]:
    found = known(world, "billingeventfeed", day)
    at = found.columns.index("amount")
    return {row[0]: row[at] for row in found.rows}


def test_a_correction_that_landed_later_is_not_visible_before(world: World) -> None:
    correction = event(1, amount="9", update_date="2026-03-20T00:00:00Z", valid_from="2026-02-01T00:00:00Z")
    deletion = event(2, update_date="2026-03-21T00:00:00Z", delete_date="2026-03-21T00:00:00Z")
    world.put(MARCH, month(event(1), event(2)))
    world.night()
    world.put(MARCH, month(event(1), event(2), correction))
    world.night()
    world.put(MARCH, month(event(1), event(2), correction, deletion))
    world.night()
    assert [amounts(world, day) for day in (1, 2, 3)] == [
        {"event-1": Decimal("1.5"), "event-2": Decimal("2.5")},
        {"event-1": Decimal(9), "event-2": Decimal("2.5")},
        {"event-1": Decimal(9)},
    ]
    with world.warehouse().reader() as connection:
        assert known_on(connection, "billingeventfeed", date(2026, 3, 31)).rows == []


def test_a_row_that_was_dropped_was_known_until_then(world: World) -> None:
    world.put(PRODUCTS, products(product("p1", "one", 1), product("p2", "two", 2)))
    world.night()
    world.put(PRODUCTS, products(product("p1", "one", 1), product("p1", "uno", 3)))
    world.night()
    assert [row[0] for row in known(world, "productfeed", 1).rows] == ["p1", "p2"]
    assert [(row[0], row[3]) for row in known(world, "productfeed", 2, "p1").rows] == [("p1", "one"), ("p1", "uno")]
    assert known(world, "productfeed", 2, "p2").rows == []


def test_an_unknown_feed_is_named(world: World) -> None:
    world.put(MARCH, month(event(1)))
    world.night()
    with pytest.raises(NoFeed, match="billingfeed is no feed: one of accountfeed"):
        known(world, "billingfeed", 1)


def test_the_command_prints_csv(world: World) -> None:
    world.put(PRODUCTS, products(product("p1", "one", 1)))
    world.night()
    arguments = ["feed", "productfeed", "--known-on", "2026-04-01", "--key", "p1", "--home", str(world.home)]
    printed = CliRunner().invoke(main, arguments)
    assert printed.exit_code == 0, printed.output
    header, row = printed.output.splitlines()
    assert header.startswith("product_id,manufacturer_account_id,product_code,title")
    assert row.startswith("p1,,,one,,2026-03-01 00:00:00")
