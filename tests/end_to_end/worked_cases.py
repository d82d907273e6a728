"""Contracts worked by hand: one construct each, with the bills they must give. The arithmetic stands beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.end_to_end.world import Json, World, contract, recurring, usage

TIERS = [
    {"up_to": "100", "unit_price": "0.10"},
    {"up_to": "1000", "unit_price": "0.08"},
    {"up_to": None, "unit_price": "0.05"},
]


@dataclass(frozen=True)
class Case:
    """One contract (all its versions), its events, and the total of every bill due by 2026-03-03."""

    name: str
    documents: list[Json]
    events: list[tuple[Any, ...]]  # (meter, time, quantity, properties)
    bills: dict[str, str]  # bill date -> total
    held: bool = False


def _one(name: str, charges: list[Json], events: list[tuple[Any, ...]], bills: dict[str, str], **terms: Any) -> Case:
    held = terms.pop("held", False)
    return Case(name, [contract(name, charges, **terms)], events, bills, held)


CASES = [
    _one(
        "unit-per-million",
        [usage("tok", "tokens", {"model": "unit", "unit_price": "3.00", "per": "1000000"})],
        [("tokens", "2026-01-05T10:00:00Z", 1_000_000, {}), ("tokens", "2026-01-31T23:59:59.999999Z", 234_567, {}),
         ("tokens", "2026-02-01T00:00:00Z", 500_000, {})],
        {"2026-02-01": "3.70", "2026-03-01": "1.50"},  # 1.234567 x 3 = 3.703701
    ),
    _one(
        "graduated",
        [usage("u", "calls", {"model": "graduated", "tiers": TIERS})],
        [("calls", "2026-01-05T10:00:00Z", "1000", {}), ("calls", "2026-01-06T10:00:00Z", "500", {})],
        {"2026-02-01": "107.00"},  # 100 x 0.10 + 900 x 0.08 + 500 x 0.05
    ),
    _one(
        "graduated-flat",
        [usage("u", "calls", {"model": "graduated", "tiers": [
            {"up_to": "10", "unit_price": "1", "flat_price": "2"},
            {"up_to": None, "unit_price": "0.5", "flat_price": "7"}]})],
        [("calls", "2026-01-05T10:00:00Z", 10, {}), ("calls", "2026-02-05T10:00:00Z", 12, {})],
        {"2026-02-01": "12.00", "2026-03-01": "20.00"},  # 10 + 2; and 12 + 2 x 0.5 + 7
    ),
    _one(
        "volume",
        [usage("u", "calls", {"model": "volume", "tiers": TIERS})],
        [("calls", "2026-01-05T10:00:00Z", 100, {}), ("calls", "2026-02-05T10:00:00Z", 101, {})],
        {"2026-02-01": "10.00", "2026-03-01": "8.08"},
    ),
    _one(
        "package",
        [usage("u", "calls", {"model": "package", "package_size": "100", "package_price": "5.00", "free_units": "50"})],
        [("calls", "2026-01-05T10:00:00Z", 251, {}), ("calls", "2026-02-05T10:00:00Z", 50, {})],
        {"2026-02-01": "15.00"},  # 201 over = three started packages; 50 is free
    ),
    _one(
        "flat-advance",
        [recurring("base", 1, {"model": "flat", "amount": "99.00"})],
        [],
        {"2026-01-01": "99.00", "2026-02-01": "99.00", "2026-03-01": "99.00"},
    ),
    _one(
        "seats-arrears-stub",
        [recurring("seat", 12, {"model": "unit", "unit_price": "20"}, timing="arrears")],
        [],
        {"2026-02-01": "123.87", "2026-03-01": "240.00"},  # 240 x 16/31 = 123.870967
        starts_on="2026-01-16",
    ),
    _one(
        "seats-advance-ramp",
        [recurring("seat", [{"from": "2026-01-01", "quantity": 10}, {"from": "2026-02-15", "quantity": 15}],
                   {"model": "unit", "unit_price": "28"})],
        [],
        # The ramp on 15 Feb (14 of 28 days left): credit -140, charge +210, on the bill at that period's end.
        {"2026-01-01": "280.00", "2026-02-01": "280.00", "2026-03-01": "490.00"},
    ),
    _one(
        "minimum-spend",
        [usage("u", "calls", {"model": "unit", "unit_price": "1.20"})],
        [("calls", "2026-01-05T10:00:00Z", 100, {}), ("calls", "2026-02-05T10:00:00Z", 500, {})],
        {"2026-02-01": "500.00", "2026-03-01": "600.00"},  # 120 + true-up 380; 600 needs none
        commitments=[{"commitment_id": "min", "kind": "minimum_spend", "amount": "500", "window": "billing_period",
                      "applies_to": None, "true_up": True}],
    ),
    _one(
        "prepaid",
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-05T10:00:00Z", 300, {}), ("calls", "2026-02-05T10:00:00Z", 900, {})],
        {"2026-01-01": "1000.00", "2026-02-01": "300.00", "2026-03-01": "900.00"},
        commitments=[{"commitment_id": "pp", "kind": "prepaid", "amount": "1000", "window": "contract",
                      "applies_to": None, "priority": 1, "expires_at": None}],
    ),
    Case(
        "price-rise-mid-period",
        [contract("price-rise-mid-period", [usage("u", "calls", {"model": "unit", "unit_price": "1"})]),
         contract("price-rise-mid-period", [usage("u", "calls", {"model": "unit", "unit_price": "2"})],
                  version=2, effective_from="2026-01-16")],
        [("calls", "2026-01-15T23:00:00Z", 10, {}), ("calls", "2026-01-16T00:00:00Z", 10, {}),
         ("calls", "2026-02-05T10:00:00Z", 5, {})],
        {"2026-02-01": "30.00", "2026-03-01": "10.00"},
    ),
    _one(
        "yen",
        [usage("u", "calls", {"model": "unit", "unit_price": "0.5"})],
        [("calls", "2026-01-05T10:00:00Z", 3, {}), ("calls", "2026-02-05T10:00:00Z", 4, {})],
        {"2026-02-01": "2", "2026-03-01": "2"},  # 1.5 rounds up to a whole yen
        currency="JPY",
    ),
    _one(
        "berlin",
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-31T22:30:00Z", 1, {}), ("calls", "2026-01-31T23:30:00Z", 10, {})],
        {"2026-02-01": "1.00", "2026-03-01": "10.00"},  # 23:30 UTC is half past midnight in Berlin
        currency="EUR",
        timezone="Europe/Berlin",
    ),
    _one(
        "kolkata",
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-31T18:15:00Z", 1, {}), ("calls", "2026-01-31T18:31:00Z", 10, {})],
        {"2026-02-01": "1.00", "2026-03-01": "10.00"},  # local midnight is 18:30 UTC
        timezone="Asia/Kolkata",
    ),
    _one(
        "filter-and-group",
        [usage("big", "tokens", {"model": "unit", "unit_price": "2"}, filter={"model": "large"}),
         usage("rest", "tokens", {"model": "unit", "unit_price": "1"}, filter={"model": ["small", "tiny"]},
               group_by=["region"])],
        [("tokens", "2026-01-05T10:00:00Z", 10, {"model": "large", "region": "eu"}),
         ("tokens", "2026-01-05T11:00:00Z", 10, {"model": "small", "region": "eu"}),
         ("tokens", "2026-01-05T11:00:00Z", 5, {"model": "tiny", "region": "us"})],
        {"2026-02-01": "35.00"},
    ),
    _one(
        "matrix",
        [usage("u", "tokens", {"model": "matrix", "dimension": "model", "prices": {
            "large": {"model": "unit", "unit_price": "2"},
            "small": {"model": "graduated", "tiers": TIERS}},
            "default": {"model": "unit", "unit_price": "0.01"}})],
        [("tokens", "2026-01-05T10:00:00Z", 10, {"model": "large"}),
         ("tokens", "2026-01-05T11:00:00Z", 200, {"model": "small"}),
         ("tokens", "2026-01-05T11:00:00Z", 100, {"model": "other"})],
        {"2026-02-01": "39.00"},  # 20 + (10 + 8) + 1
    ),
    _one(
        "included",
        [usage("u", "calls", {"model": "unit", "unit_price": "0.5"}, included_quantity="100")],
        [("calls", "2026-01-05T10:00:00Z", 130, {}), ("calls", "2026-02-05T10:00:00Z", 99, {})],
        {"2026-02-01": "15.00"},
    ),
    _one(
        "charge-minimum-maximum",
        [usage("low", "calls", {"model": "unit", "unit_price": "1"}, minimum="50"),
         usage("high", "tokens", {"model": "unit", "unit_price": "1"}, maximum="80")],
        [("calls", "2026-01-05T10:00:00Z", 30, {}), ("tokens", "2026-01-05T10:00:00Z", 200, {})],
        {"2026-02-01": "130.00", "2026-03-01": "50.00"},
    ),
    _one(
        "aggregations",
        [usage("c", "hits", {"model": "unit", "unit_price": "1"}, aggregation="count"),
         usage("m", "peak", {"model": "unit", "unit_price": "1"}, aggregation="max"),
         usage("l", "level", {"model": "unit", "unit_price": "1"}, aggregation="latest"),
         usage("u", "people", {"model": "unit", "unit_price": "1"}, aggregation="unique_count", property="user")],
        [("hits", "2026-01-05T10:00:00Z", None, {}), ("hits", "2026-01-06T10:00:00Z", None, {}),
         ("peak", "2026-01-05T10:00:00Z", 7, {}), ("peak", "2026-01-06T10:00:00Z", 5, {}),
         ("level", "2026-01-05T10:00:00Z", 9, {}), ("level", "2026-01-06T10:00:00Z", 4, {}),
         ("people", "2026-01-05T10:00:00Z", None, {"user": "a"}),
         ("people", "2026-01-06T10:00:00Z", None, {"user": "b"}),
         ("people", "2026-01-07T10:00:00Z", None, {"user": "a"}), ("people", "2026-01-07T11:00:00Z", None, {})],
        {"2026-02-01": "15.00"},  # 2 + 7 + 4 + 2
    ),
    _one(
        "weighted-sum",
        [usage("gb", "storage", {"model": "unit", "unit_price": "31"}, aggregation="weighted_sum")],
        [("storage", "2026-01-01T00:00:00Z", 10, {}), ("storage", "2026-01-17T12:00:00Z", -4, {})],
        {"2026-02-01": "252.00", "2026-03-01": "186.00"},  # 10 - 4 x 14.5/31 = 8.129..; 8.129 x 31 = 252; then 6
    ),
    _one(
        "percent-discount-and-tax",
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-05T10:00:00Z", 200, {})],
        {"2026-02-01": "195.30"},  # (200 - 10%) x 1.085
        discounts=[{"discount_id": "d", "kind": "percent", "value": "10", "applies_to": None}],
        taxes=[{"tax_code": "sales", "rate_percent": "8.5", "applies_to": None, "inclusive": False}],
    ),
    _one(
        "promotional-credit",
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-05T10:00:00Z", 30, {}), ("calls", "2026-02-05T10:00:00Z", 30, {})],
        {"2026-02-01": "5.00", "2026-03-01": "30.00"},
        credit_grants=[{"grant_id": "g", "amount": "25", "unit": "currency", "kind": "promotional",
                        "effective_at": "2026-01-01T00:00:00Z", "expires_at": None, "priority": 1}],
    ),
    _one(
        "credit-in-calls",  # 100 before the grant, then 300 less 150; nothing left for February
        [usage("u", "calls", {"model": "graduated", "tiers": TIERS})],
        [("calls", "2026-01-05T23:00:00Z", 100, {}), ("calls", "2026-01-06T00:00:00Z", 300, {}),
         ("calls", "2026-02-05T10:00:00Z", 50, {})],
        {"2026-02-01": "22.00", "2026-03-01": "5.00"},  # 100 x 0.10 + 150 x 0.08
        credit_grants=[{"grant_id": "g", "amount": "150", "unit": "calls", "kind": "promotional",
                        "effective_at": "2026-01-06T00:00:00Z", "expires_at": None, "priority": 1}],
    ),
    _one(
        # 60 calls before the grant stay: 6.00. The 340 after it are the first tier's other 40, and 300 of the next.
        # A peak is known when its period ends, and credited.
        "credit-from-mid-month",
        [usage("u", "calls", {"model": "graduated", "tiers": TIERS}),
         usage("p", "users", {"model": "unit", "unit_price": "2"}, aggregation="max")],
        [("calls", "2026-01-05T23:00:00Z", 60, {}), ("calls", "2026-01-16T00:00:00Z", 340, {}),
         ("users", "2026-01-05T10:00:00Z", 7, {})],
        {"2026-02-01": "6.00"},
        credit_grants=[{"grant_id": "g", "amount": "100", "unit": "currency", "kind": "promotional",
                        "effective_at": "2026-01-16T00:00:00Z", "expires_at": None, "priority": 1}],
    ),
    _one(
        "credit-every-14-days",  # 10 a step: 1, 15 and 29 January, 12 February; what is not used does not add up
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-02T10:00:00Z", 15, {}), ("calls", "2026-01-20T10:00:00Z", 6, {}),
         ("calls", "2026-02-11T10:00:00Z", 4, {}), ("calls", "2026-02-12T00:00:00Z", 11, {})],
        {"2026-02-01": "5.00", "2026-03-01": "1.00"},
        credit_grants=[{"grant_id": "g", "amount": "10", "unit": "currency", "kind": "promotional",
                        "effective_at": "2026-01-01T00:00:00Z", "expires_at": None, "priority": 1,
                        "recurrence": {"every_days": 14, "anchor": "2026-01-15T00:00:00Z", "reset": True}}],
    ),
    _one(
        "credit-that-adds-up",  # 10 on 1, 15 and 29 January and 12 February, all of it kept: 30 by the 30th
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-10T10:00:00Z", 4, {}), ("calls", "2026-01-30T10:00:00Z", 35, {}),
         ("calls", "2026-02-13T10:00:00Z", 8, {})],
        {"2026-02-01": "9.00"},  # 39 less 30; the 10 of 12 February pay for the 8 after it
        credit_grants=[{"grant_id": "g", "amount": "10", "unit": "currency", "kind": "promotional",
                        "effective_at": "2026-01-01T00:00:00Z", "expires_at": None, "priority": 1,
                        "recurrence": {"every_days": 14, "anchor": "2026-01-15T00:00:00Z", "reset": False}}],
    ),
    _one(
        "prepaid-each-month",  # a prepayment on each first of the month; its credit pays, and the total stays
        [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
        [("calls", "2026-01-05T10:00:00Z", 12, {}), ("calls", "2026-02-05T10:00:00Z", 30, {})],
        {"2026-01-01": "20.00", "2026-02-01": "32.00", "2026-03-01": "50.00"},
        commitments=[{"commitment_id": "pp", "kind": "prepaid", "amount": "20", "window": "month", "priority": 1,
                      "rollover": {"min": "0", "max": "5"}, "applies_to": None}],
    ),
    _one(
        "one-time",
        [{"charge_id": "setup", "product": "onboarding", "type": "one_time", "timing": "advance",
          "due_on": "2026-01-20", "price": {"model": "flat", "amount": "150"}}],
        [],
        {"2026-02-01": "150.00"},
    ),
    _one(
        "quarterly-anchor-31",
        [recurring("base", 1, {"model": "flat", "amount": "90"}, timing="arrears")],
        [],
        {"2026-02-28": "90.00"},
        starts_on="2025-11-30",
        billing={"frequency": "quarterly", "anchor_date": "2025-08-31"},
    ),
    _one(
        "trial",
        [recurring("base", 1, {"model": "flat", "amount": "31"}, timing="arrears")],
        [],
        {"2026-02-01": "17.00", "2026-03-01": "31.00"},
        billing={"trial_days": 14},
    ),
    _one(
        "dynamic-and-precomputed",
        [usage("d", "spend", {"model": "dynamic", "multiplier": "1.2"}),
         usage("p", "ready", {"model": "precomputed"})],
        [("spend", "2026-01-05T10:00:00Z", "10.5", {}), ("ready", "2026-01-05T10:00:00Z", 1, {"amount": "3.25"}),
         ("ready", "2026-01-05T11:00:00Z", 1, {"amount": "1.10"})],
        {"2026-02-01": "16.95"},  # 12.60 + 4.35
    ),
    _one(
        "percentage-on-total",
        [usage("p", "volume", {"model": "percentage", "rate_percent": "2.9", "fixed_per_event": "0.30"})],
        [("volume", "2026-01-05T10:00:00Z", 100, {}), ("volume", "2026-01-05T11:00:00Z", 50, {})],
        {"2026-02-01": "4.95"},  # 4.35 + 0.60
    ),
    Case(
        "price-cut-unapproved",
        [contract("price-cut-unapproved", [usage("u", "calls", {"model": "unit", "unit_price": "2"})]),
         contract("price-cut-unapproved", [usage("u", "calls", {"model": "unit", "unit_price": "1"})],
                  version=2, effective_from="2026-02-01")],
        [("calls", "2026-02-05T10:00:00Z", 10, {})],
        {"2026-03-01": "10.00"},  # rated as written, and held: nobody approved the cut
        held=True,
    ),
]  # fmt: skip


def worked_world() -> World:
    world = World()
    for case in CASES:
        world.add(*case.documents)
        for meter, time, quantity, properties in case.events:
            world.event(f"org-{case.name}", meter, time, quantity, **properties)
    return world
