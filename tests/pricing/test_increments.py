"""Nights that each change some usage or terms leave the rated tables that one full build makes of the same evidence.

Each kind of change has a contract and a meter of its own, so that no later one hides a row that was left behind.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import pytest

from billing_assets.transformation.resources import Dbt
from tests.end_to_end.world import Json, World, contract, land, usage
from tests.pricing.bills import night

pytestmark = pytest.mark.dbt

UNIT = {"model": "unit", "unit_price": "1"}
TIERS = {"model": "graduated", "tiers": [{"up_to": "50", "unit_price": "1"}, {"up_to": None, "unit_price": "0.5"}]}
ALLOWANCE = [{"discount_id": "free", "kind": "free_quantity", "value": "150", "applies_to": ["a", "b"]}]
CREDIT = [{"grant_id": "units", "amount": "90", "unit": "m_credit", "kind": "promotional", "applies_to": None,
           "effective_at": "2026-01-01T00:00:00Z", "expires_at": "2026-06-01T00:00:00Z"}]  # fmt: skip


def charged(name: str, price: Json = UNIT, **terms: object) -> Json:
    """A contract with one charge, on a meter of its own."""
    return contract(name, [usage("u", f"m_{name.lower()}", price, **terms)])


FIRST = [
    charged("STILL"),
    charged("NEW"),
    charged("LATE", TIERS),
    charged("CAP", maximum="80", group_by=["region"]),
    charged("LEVEL", aggregation="weighted_sum"),
    charged("UNIQUE", aggregation="unique_count", property="user"),
    charged("SERIES", group_by=["region"]),
    contract("SHARED", [usage("a", "m_a", UNIT), usage("b", "m_b", UNIT)], discounts=ALLOWANCE),
    contract("CREDIT", [usage("a", "m_credit", UNIT), usage("b", "m_credit", UNIT, filter={"k": ["b"]})],
             credit_grants=CREDIT),
    charged("PRICE"),
    charged("FILTER"),
    charged("ENDS"),
    charged("ZONE"),
    charged("MOVED"),
    charged("HOURS"),
]  # fmt: skip
PRICE_2 = contract("PRICE", [usage("u", "m_price", TIERS)], version=2, effective_from="2026-01-15")
FILTER_2 = contract("FILTER", [usage("u", "m_filter", UNIT, filter={"k": ["x"]}), usage("rest", "m_filter", UNIT,
                    filter={"k": ["y"]})], version=2, effective_from="2026-01-01")  # fmt: skip
ENDS_2 = contract("ENDS", [usage("u", "m_ends", UNIT)], version=2, effective_from="2026-01-20", ends_on="2026-01-20")
ZONE_2 = contract("ZONE", [usage("u", "m_zone", UNIT)], version=2, effective_from="2026-01-01", timezone="Asia/Kolkata")
# The account's roll-ups become quarter hours, for the other contract's sake.
QUARTERS = contract("QUARTERS", [usage("u", "m_quarters", UNIT)], timezone="Asia/Kolkata")
QUARTERS["account"]["account_id"] = "A-HOURS"
QUARTERS["account"]["organizations"] = ["org-HOURS"]
MOVED_2 = contract("MOVED", [usage("u", "m_moved", UNIT)], version=2)
MOVED_2["account"]["organizations"] = ["org-MOVED", "org-ELSEWHERE"]


@dataclass
class Nights:
    """A home and what landed in it; `touched` has the contracts that each night rated anew."""

    root: Path
    touched: list[set[str]] = field(default_factory=list)
    dbt: Dbt | None = None
    landed: int = 0

    def land(self, world: World) -> None:
        self.landed += 1
        events = [event | {"source": f"/{self.landed}"} for event in world.events]
        land(self.root, f"{self.landed}.jsonl", events, world.contracts)

    def night(self, as_of: date) -> None:
        step, _ = night(self.root / "landing", self.root / "home", self.dbt, as_of)
        self.dbt = step.dbt
        with step.warehouse().reader() as connection:
            rows = connection.execute("select distinct contract_id from intermediate.int_charge_periods__touched")
            self.touched.append({name for (name,) in rows.fetchall()})

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        """All that was built, but what says what was touched and the events read, which keep rows of former states."""
        with duckdb.connect(str(self.root / "home" / "warehouse.duckdb"), read_only=True) as connection:
            names = connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables "
                "where table_type = 'BASE TABLE' and table_schema in ('intermediate', 'marts') "
                "and not contains(table_name, 'touched') "
                "and table_name <> 'int_events__priced' order by all"
            ).fetchall()
            return {name: connection.execute(f"from {name} order by all").fetchall() for (name,) in names}


def used(*events: tuple[str, str, str, int | None, dict[str, str]]) -> World:
    world = World()
    for name, meter, time, quantity, properties in events:
        world.event(f"org-{name}", meter, time, quantity, **properties)
    return world


def january() -> World:
    world = World()
    for document in FIRST:
        for charge in document["charges"][:2]:
            for day, k in (("05", "x"), ("18", "y"), ("25", "b")):
                at, properties = f"2026-01-{day}T10:40:00Z", {"region": "eu", "user": day, "k": k}
                world.event(f"org-{document['contract_id']}", charge["meter"], at, 40, **properties)
    world.add(*FIRST)
    return world


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    at = Nights(tmp_path_factory.mktemp("increments"))
    at.land(january())
    at.night(date(2026, 2, 2))
    # usage of the open month, and of a group that was not there; usage of the month before: tiers, maximum, levels,
    # distinct values, and what is shared with another charge
    at.land(used(
        ("NEW", "m_new", "2026-02-02T10:00:00Z", 5, {}),
        ("SERIES", "m_series", "2026-01-07T10:00:00Z", 5, {"region": "us"}),
        ("LATE", "m_late", "2026-01-06T10:00:00Z", 5, {}),
        ("CAP", "m_cap", "2026-01-06T10:00:00Z", 5, {"region": "us"}),
        ("LEVEL", "m_level", "2026-01-02T10:00:00Z", 7, {}),
        ("UNIQUE", "m_unique", "2026-01-05T10:50:00Z", 1, {"user": "u2"}),
        ("SHARED", "m_a", "2026-01-06T10:00:00Z", 5, {}),
        ("CREDIT", "m_credit", "2026-01-06T10:00:00Z", 5, {}),
    ))  # fmt: skip
    at.night(date(2026, 2, 4))
    # terms dated back: another price, another filter (roll-ups built again), an earlier end, another zone (quarter
    # hours), an organization whose usage had come before it was known
    changed = used(("ELSEWHERE", "m_moved", "2026-01-06T10:00:00Z", 5, {}))
    changed.add(PRICE_2, FILTER_2, ENDS_2, ZONE_2, MOVED_2, QUARTERS)
    at.land(changed)
    at.night(date(2026, 2, 5))
    at.night(date(2026, 2, 6))
    at.night(date(2026, 3, 2))
    return at


def test_only_what_was_touched_is_rated(nights: Nights) -> None:
    everyone = {document["contract_id"] for document in FIRST}
    first, *following, of_march = nights.touched
    assert first == set(), "nobody asks in a full build"
    assert following == [
        {"NEW", "SERIES", "LATE", "CAP", "LEVEL", "UNIQUE", "SHARED", "CREDIT"},
        {"PRICE", "FILTER", "ENDS", "ZONE", "MOVED", "HOURS", "QUARTERS"},
        set(),
    ]
    assert of_march == {*everyone, "QUARTERS"} - {"ENDS"}, "a month begins"


def test_the_nights_leave_what_one_build_makes(nights: Nights) -> None:
    followed = nights.tables()
    assert len(followed["intermediate.int_usage__rated"]) > 30
    shutil.rmtree(nights.root / "home" / "lake")
    (nights.root / "home" / "warehouse.duckdb").unlink()
    nights.night(date(2026, 3, 2))
    assert nights.touched[-1] == set()
    built = nights.tables()
    assert [name for name in built if followed[name] != built[name]] == []
