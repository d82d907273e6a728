"""The contracts of the generated world: each function makes some, a construct each, and their usage.

Belongs here: which terms are combined. Not here: how they are written (`world`) or what they come to (`rater`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.world import Json, Landing


def unit(price: str) -> Json:
    return {"model": "unit", "unit_price": price}


def flat(amount: str) -> Json:
    return {"model": "flat", "amount": amount}


def off(discount_id: str, kind: str, value: str, **terms: Any) -> Json:
    return {"discount_id": discount_id, "kind": kind, "value": value, "applies_to": None} | terms


def tax(code: str, rate: str, **terms: Any) -> Json:
    return {"tax_code": code, "rate_percent": rate, "applies_to": None, "inclusive": False} | terms


def usage(meter: str, price: Json, charge_id: str = "u", **terms: Any) -> Json:
    return {
        "charge_id": charge_id,
        "product": "api",
        "type": "usage",
        "meter": meter,
        "aggregation": "sum",
        "timing": "arrears",
        "price": price,
    } | terms


def recurring(quantity: Any, price: Json, timing: str = "advance", charge_id: str = "r", **terms: Any) -> Json:
    return {
        "charge_id": charge_id,
        "product": "seats",
        "type": "recurring",
        "timing": timing,
        "quantity": quantity,
        "price": price,
    } | terms


def tiers(at: Landing, flat: tuple[str, str, str] | None = None) -> list[Json]:
    tops = ("100", "1000", None)
    tiers: list[Json] = [
        {"up_to": top, "unit_price": at.unit(price)}
        for top, price in zip(tops, ("0.137", "0.0815", "0.0523"), strict=True)
    ]
    if flat:
        for tier, fee in zip(tiers, flat, strict=True):
            tier["flat_price"] = at.amount(fee)
    return tiers


def price_models(at: Landing) -> None:
    simple: dict[str, Callable[[], Json]] = {
        "unit": lambda: unit(at.unit("0.0371")),
        "graduated": lambda: {"model": "graduated", "tiers": tiers(at)},
        "graduated_flat": lambda: {"model": "graduated", "tiers": tiers(at, ("5", "12", "40")), "flat_at_zero": True},
        "graduated_reached": lambda: {"model": "graduated", "tiers": tiers(at, ("5", "12", "40"))},
        "graduated_block": lambda: {
            "model": "graduated",
            "tiers": [
                {"up_to": "1000", "unit_price": at.amount("1"), "block_size": "100"},
                {"up_to": None, "unit_price": at.amount("3"), "block_size": "500"},
            ],
        },
        "volume": lambda: {"model": "volume", "tiers": tiers(at)},
        "volume_flat": lambda: {"model": "volume", "tiers": tiers(at, ("5", "12", "40")), "flat_at_zero": True},
        "graduated_percentage": lambda: {
            "model": "graduated_percentage",
            "tiers": [
                {"up_to": "100", "rate_percent": "2.9", "flat_price": at.amount("2")},
                {"up_to": None, "rate_percent": "1.45"},
            ],
        },
        "package": lambda: {"model": "package", "package_size": "100", "package_price": at.amount("3.50")},
        "package_down": lambda: {
            "model": "package",
            "package_size": "64",
            "package_price": at.amount("3.50"),
            "free_units": "50",
            "package_rounding": "down",
        },
        "percentage": lambda: {"model": "percentage", "rate_percent": "1.35", "fixed_per_event": at.amount("0.30")},
        "dynamic": lambda: {"model": "dynamic", "multiplier": "1.175"},
    }
    for construct, price in simple.items():
        document = at.contract(construct, [usage(f"m_{construct}", price())])
        at.use(document, f"m_{construct}", at.numbers(30, 1, 300, 2))
    document = at.contract(
        "unit_per",
        [usage("m_tokens", {"model": "unit", "unit_price": at.unit("3.75"), "per": "1000000"}, group_by=["model"])],
    )
    at.use(document, "m_tokens", at.numbers(60, 1000, 900000), model=["large", "small"])
    document = at.contract("precomputed", [usage("m_ready", {"model": "precomputed"})])
    for amount in at.numbers(20, 1, 50, 4):
        at.use(document, "m_ready", ["1"], amount=amount)
    document = at.contract(
        "capacity",
        [
            usage(
                "m_capacity",
                {
                    "model": "capacity",
                    "tiers": [
                        {"limits": {"cpu": "100", "disk": "1000"}, "amount": at.amount("10")},
                        {"limits": {"cpu": "200", "disk": "2000"}, "amount": at.amount("20")},
                        {"limits": {}, "amount": at.amount("30")},
                    ],
                },
            )
        ],
    )
    at.use(document, "m_capacity", at.numbers(20, 20, 210), unit="cpu")
    at.use(document, "m_capacity", at.numbers(20, 200, 1900), unit="disk")
    document = at.contract(
        "matrix",
        [
            usage(
                "m_matrix",
                {
                    "model": "matrix",
                    "dimension": "model",
                    "prices": {"large": unit(at.unit("0.21")), "small": {"model": "graduated", "tiers": tiers(at)}},
                    "default": unit(at.unit("0.013")),
                },
                group_by=["region"],
            )
        ],
    )
    at.use(document, "m_matrix", at.numbers(80, 1, 300, 1), model=["large", "small", "other"], region=["eu", "us"])
    document = at.contract(
        "matrix_cells",
        [
            usage(
                "m_cells",
                {
                    "model": "matrix",
                    "cells": [
                        {"when": {"model": "large", "region": "eu"}, "price": unit(at.unit("0.31"))},
                        {
                            "when": {"model": "large", "region": "us"},
                            "price": {"model": "package", "package_size": "50", "package_price": at.amount("4")},
                        },
                        {"when": {"model": "small", "region": "eu"}, "price": {"model": "volume", "tiers": tiers(at)}},
                    ],
                    "default": unit(at.unit("0.013")),
                },
            )
        ],
    )
    at.use(document, "m_cells", at.numbers(60, 1, 200, 1), model=["large", "small"], region=["eu", "us"])


def quantities(at: Landing) -> None:
    for aggregation in ("count", "max", "min", "latest", "average", "unique_count", "weighted_sum"):
        meter = f"m_{aggregation}"
        extra = {"property": "user"} if aggregation == "unique_count" else {}
        document = at.contract(aggregation, [usage(meter, unit(at.unit("1.37")), aggregation=aggregation, **extra)])
        numbers = [None] * 30 if aggregation in {"count", "unique_count"} else at.numbers(30, 1, 90, 2)
        at.use(document, meter, numbers, user=["a", "b", "c", "d", None])
    document = at.contract(
        "weighted_group",
        [usage("m_level", unit(at.unit("2.5")), aggregation="weighted_sum", group_by=["disk"])],
    )
    at.use(document, "m_level", at.numbers(12, 1, 40), "2026-01-01", disk=["ssd", "hdd"])
    at.use(document, "m_level", ["-2", "-1", "-3"], "2026-02-10", disk=["ssd", "hdd"])
    document = at.contract(
        "weighted_stub",
        [usage("m_wstub", unit(at.unit("2.5")), aggregation="weighted_sum")],
        starts_on="2026-01-11",
        ends_on="2026-03-21",
    )
    at.use(document, "m_wstub", at.numbers(12, 1, 40), "2026-01-11")
    document = at.contract("sum_property", [usage("m_bytes", unit(at.unit("0.02")), property="bytes")])
    for value in at.numbers(20, 1, 900, 3):
        at.use(document, "m_bytes", ["1"], bytes=value)
    for how in ("none", "up", "down", "half_up"):
        document = at.contract(
            f"conversion_{how}",
            [
                usage(
                    f"m_conv_{how}",
                    unit(at.unit("0.73")),
                    unit_conversion={"divide_by": "1024", "rounding": how},
                    group_by=["region"],
                )
            ],
        )
        at.use(document, f"m_conv_{how}", at.numbers(30, 100, 90000), region=["eu", "us"])
    document = at.contract(
        "filter",
        [
            usage("m_filter", unit(at.unit("0.2")), "large", filter={"model": "large"}),
            usage(
                "m_filter",
                unit(at.unit("0.1")),
                "rest",
                filter={"model": ["small", "tiny"], "tier": "gold"},
                group_by=["region", "model"],
            ),
        ],
    )
    at.use(
        document,
        "m_filter",
        at.numbers(60, 1, 100, 2),
        model=["large", "small", "tiny"],
        tier=["gold", "tin"],
        region=["eu", "us"],
    )
    document = at.contract(
        "included",
        [usage("m_included", {"model": "graduated", "tiers": tiers(at)}, included_quantity="450", group_by=["region"])],
    )
    at.use(document, "m_included", at.numbers(50, 1, 90), region=["ap", "eu", "us"])
    document = at.contract(
        "included_stub",
        [usage("m_incstub", unit(at.unit("0.35")), included_quantity="310", prorate=True)],
        starts_on="2026-01-12",
    )
    at.use(document, "m_incstub", at.numbers(50, 1, 90), "2026-01-12")
    document = at.contract(
        "free_quantity", [usage("m_free", unit(at.unit("0.35")), discounts=[off("free", "free_quantity", "200")])]
    )
    at.use(document, "m_free", at.numbers(50, 1, 50))
    document = at.contract(
        "maximum",
        [usage("m_max", unit(at.unit("0.37")), maximum=at.amount("100"), group_by=["region"])],
    )
    at.use(document, "m_max", at.numbers(50, 1, 50), region=["ap", "eu", "us"])
    document = at.contract(
        "minimum",
        [usage("m_min", unit(at.unit("0.037")), minimum=at.amount("50"), group_by=["region"])],
    )
    at.use(document, "m_min", at.numbers(50, 1, 50), region=["ap", "eu", "us"])
    document = at.contract(
        "minimum_stub",
        [usage("m_minstub", unit(at.unit("0.037")), minimum=at.amount("50"), prorate=True)],
        starts_on="2026-01-18",
        ends_on="2026-03-20",
    )
    at.use(document, "m_minstub", at.numbers(20, 1, 50), "2026-01-18")
    document = at.contract("correction", [usage("m_corr", unit(at.unit("0.45")))])
    at.use(document, "m_corr", at.numbers(10, 20, 90))
    for event in at.events[-4:]:
        moment = datetime.fromisoformat(event["time"])
        at.events.append(
            event
            | {"id": event["id"] + "-fix", "time": event["time"], "data": {"quantity": "-7.5", "corrects": event["id"]}}
        )
        assert moment.tzinfo
    first = at.contract("two_contracts", [usage("m_two", unit(at.unit("0.5")), "u1")])
    currency, zone = first["currency"], first["timezone"]
    second = at.contract(
        "two_contracts",
        [usage("m_two", unit("0.75"), "u2")],
        account=first["account"],
        currency=currency,
        timezone=zone,
    )
    at.use(first, "m_two", at.numbers(20, 1, 50), contract_id=[first["contract_id"], second["contract_id"]])


def amendments(at: Landing) -> None:
    v1 = at.contract("price_change", [usage("m_change", unit(at.unit("0.31")))])
    at.amend(
        v1,
        "2026-02-11",
        charges=[
            usage(
                "m_change", {"model": "unit", "unit_price": str(Decimal(v1["charges"][0]["price"]["unit_price"]) * 2)}
            )
        ],
    )
    at.use(v1, "m_change", at.numbers(50, 1, 90, 2))
    steps = tiers(at)
    v1 = at.contract("tiers_restart", [usage("m_restart", {"model": "graduated", "tiers": steps})])
    dearer = [tier | {"unit_price": str(Decimal(tier["unit_price"]) * 3 / 2)} for tier in steps]
    at.amend(v1, "2026-02-16", charges=[usage("m_restart", {"model": "graduated", "tiers": dearer})])
    at.use(v1, "m_restart", at.numbers(50, 1, 90))
    v1 = at.contract("tiers_go_on", [usage("m_goon", {"model": "graduated", "tiers": tiers(at)})])
    extra = usage("m_goon2", {"model": "unit", "unit_price": "0.5"}, "u2")
    at.amend(v1, "2026-02-16", charges=[*v1["charges"], extra])
    at.use(v1, "m_goon", at.numbers(50, 1, 90))
    at.use(v1, "m_goon2", at.numbers(20, 1, 90), "2026-02-16")
    seats = recurring("7", unit(at.amount("29.90")))
    v1 = at.contract(
        "charge_ends",
        [seats, recurring("1", flat(at.amount("99")), charge_id="base", product="base")],
    )
    at.amend(v1, "2026-02-10", charges=v1["charges"][1:])
    v1 = at.contract(
        "charge_begins",
        [recurring("1", flat(at.amount("99")), charge_id="base", product="base")],
    )
    at.amend(v1, "2026-02-10", charges=[*v1["charges"], recurring("7", {"model": "unit", "unit_price": "30"})])
    v1 = at.contract("seat_price", [recurring("7", unit(at.amount("29.90")))])
    at.amend(
        v1,
        "2026-02-20",
        charges=[
            recurring("7", {"model": "unit", "unit_price": str(Decimal(v1["charges"][0]["price"]["unit_price"]) + 4)})
        ],
    )
    v1 = at.contract("seat_price_arrears", [recurring("7", unit(at.amount("29.90")), "arrears")])
    at.amend(
        v1,
        "2026-02-20",
        charges=[
            recurring(
                "9",
                {"model": "unit", "unit_price": str(Decimal(v1["charges"][0]["price"]["unit_price"]) + 4)},
                "arrears",
            )
        ],
    )
    v1 = at.contract(
        "terminated",
        [
            recurring("7", unit(at.amount("29.90")), "arrears"),
            usage("m_term", unit(at.unit("0.3"))),
        ],
    )
    at.use(v1, "m_term", at.numbers(30, 1, 90))
    at.amend(v1, "2026-03-05", ends_on="2026-03-17")


def seats(at: Landing) -> None:
    ramp = [
        {"from": "2026-01-01", "quantity": "5"},
        {"from": "2026-01-20", "quantity": "9"},
        {"from": "2026-02-09", "quantity": "6"},
        {"from": "2026-02-20", "quantity": "11"},
    ]
    for timing in ("advance", "arrears"):
        price = unit(at.amount("23.45"))
        at.contract(f"ramp_{timing}", [recurring(ramp, price, timing)])
        for trial in (13, 40):
            at.contract(
                f"trial_{trial}_{timing}",
                [recurring("3", unit(at.amount("23.45")), timing)],
                billing={"trial_days": trial},
            )
        document = at.contract(f"suspended_{timing}", [recurring("3", unit(at.amount("23.45")), timing)])
        at.suspend(document, "seats", "2026-01-22", "2026-02-07")
        document = at.contract(f"suspended_inside_{timing}", [recurring("3", unit(at.amount("23.45")), timing)])
        at.suspend(document, "seats", "2026-02-04", "2026-02-15")
        at.contract(
            f"stub_{timing}",
            [recurring("3", unit(at.amount("23.45")), timing)],
            starts_on="2026-01-19",
            ends_on="2026-03-11",
        )
        at.contract(
            f"by_second_{timing}",
            [recurring(ramp, unit(at.amount("23.45")), timing)],
            billing={"proration": "second"},
            ends_on="2026-03-18",
            timezone="America/New_York",
        )
    at.contract(
        "whole",
        [recurring("3", unit(at.amount("23.45")))],
        starts_on="2026-01-19",
        billing={"proration": "none"},
    )
    at.contract(
        "seat_tiers",
        [
            recurring(
                ramp,
                {
                    "model": "graduated",
                    "tiers": [
                        {"up_to": "5", "unit_price": at.amount("20")},
                        {"up_to": None, "unit_price": at.amount("15")},
                    ],
                },
            )
        ],
    )
    at.contract(
        "one_time",
        [
            {
                "charge_id": "setup",
                "product": "onboarding",
                "type": "one_time",
                "timing": "advance",
                "price": flat(at.amount("150")),
            },
            {
                "charge_id": "training",
                "product": "onboarding",
                "type": "one_time",
                "timing": "arrears",
                "due_on": "2026-02-11",
                "price": flat(at.amount("75")),
            },
        ],
    )


def calendars(at: Landing) -> None:
    for construct, billing in {
        "anchor_31": {"anchor_date": "2025-12-31"},
        "anchor_15": {"anchor_date": "2026-01-15"},
        "weekly": {"frequency": "weekly", "anchor_date": "2026-01-05"},
        "fortnightly": {"frequency": "weekly", "every": 2, "anchor_date": "2025-12-29"},
        "quarterly": {"frequency": "quarterly", "anchor_date": "2026-02-28"},
        "two_monthly": {"every": 2, "anchor_date": "2025-11-30"},
        "annual": {"frequency": "annual", "anchor_date": "2026-01-01"},
        "semiannual": {"frequency": "semiannual", "anchor_date": "2026-03-20"},
    }.items():
        document = at.contract(
            construct,
            [
                recurring("2", unit(at.amount("31.10"))),
                recurring("1", flat(at.amount("17.77")), "arrears", "support", product="support"),
                usage(f"m_{construct}", unit(at.unit("0.113"))),
            ],
            billing=billing,
        )
        at.use(document, f"m_{construct}", at.numbers(40, 1, 90, 2))
    document = at.contract(
        "daily",
        [usage("m_daily", unit(at.unit("0.113")))],
        starts_on="2026-03-02",
        ends_on="2026-03-12",
        billing={"frequency": "daily", "anchor_date": "2026-03-02"},
    )
    at.use(document, "m_daily", at.numbers(60, 1, 90, 2), "2026-03-02")


def commitments(at: Landing) -> None:
    def minimum(amount: str, **terms: Any) -> list[Json]:
        return [
            {
                "commitment_id": "floor",
                "kind": "minimum_spend",
                "amount": at.amount(amount),
                "window": "billing_period",
                "applies_to": None,
                "true_up": True,
                "prorate": True,
            }
            | terms
        ]

    def calls(construct: str) -> Json:
        return usage(f"m_{construct}", unit(at.unit("0.413")), group_by=["region"])

    def land(construct: str, charges: list[Json], **terms: Any) -> None:
        document = at.contract(construct, [calls(construct), *charges], **terms)
        at.use(
            document,
            f"m_{construct}",
            at.numbers(40, 1, 60, 1),
            terms.get("starts_on", "2026-01-01"),
            region=["eu", "us"],
        )

    land("spend", [], commitments=minimum("250"))
    land("spend_stub", [], commitments=minimum("250"), starts_on="2026-01-10", ends_on="2026-03-25")
    land(
        "spend_stub_whole", [], commitments=minimum("250", prorate=False), starts_on="2026-01-10", ends_on="2026-03-25"
    )
    land("spend_contract", [], commitments=minimum("2500", window="contract"), ends_on="2026-04-01")
    land("spend_seats", [recurring("3", unit(at.amount("30")))], commitments=minimum("400"))
    land(
        "spend_some",
        [recurring("3", unit(at.amount("30")), "arrears")],
        commitments=minimum("250", applies_to=["u"]),
    )
    land(
        "spend_tax",
        [],
        commitments=minimum("250"),
        discounts=[off("d", "percent", "7.5", applies_to=["u"])],
        taxes=[tax("vat", "19")],
    )
    prepaid = {
        "commitment_id": "pp",
        "kind": "prepaid",
        "window": "contract",
        "applies_to": None,
        "priority": 1,
        "expires_at": None,
    }
    land("prepaid", [], commitments=[prepaid | {"amount": at.amount("300")}])
    land(
        "prepaid_discount",
        [],
        commitments=[prepaid | {"amount": at.amount("300")}],
        discounts=[off("d", "percent", "10")],
    )

    def grant(name: str, amount: str, **terms: Any) -> Json:
        return {
            "grant_id": name,
            "amount": at.amount(amount),
            "unit": "currency",
            "kind": "promotional",
            "effective_at": "2025-12-01T00:00:00Z",
            "expires_at": None,
            "priority": 1,
        } | terms

    land("credit", [], credit_grants=[grant("g", "120")])
    land(
        "credit_order",
        [],
        credit_grants=[
            grant("late", "60", priority=2),
            grant("soon", "70", expires_at="2027-01-01T00:00:00Z"),
            grant("long", "70", priority=1),
        ],
    )
    land(
        "credit_scope",
        [recurring("1", flat(at.amount("80")), "arrears", product="base")],
        credit_grants=[grant("base", "100", applies_to=["base"]), grant("u", "100", applies_to=["u"])],
    )
    land(
        "credit_paid",
        [
            {
                "charge_id": "buy",
                "product": "credits",
                "type": "one_time",
                "timing": "advance",
                "price": flat(at.amount("100")),
            }
        ],
        credit_grants=[grant("bought", "100", kind="purchased", purchased_by="buy", applies_to=["u"])],
    )
    document = at.contract(
        "credit_dates",
        [usage("m_cdates", unit(at.amount("2")))],
        credit_grants=[grant("mid", "50", effective_at="2026-01-16T00:00:00Z", expires_at="2026-02-16T00:00:00Z")],
    )
    at.use(document, "m_cdates", at.numbers(40, 1, 6))
    document = at.contract(
        "credit_tax",
        [usage("m_ctax", unit(at.unit("0.413")))],
        credit_grants=[grant("g", "120")],
        taxes=[tax("vat", "19")],
    )
    at.use(document, "m_ctax", at.numbers(40, 1, 60, 1))


def reductions(at: Landing) -> None:
    def land(construct: str, own: list[Json] | None = None, **terms: Any) -> None:
        charge = usage(
            f"m_{construct}",
            unit(at.unit("0.3317")),
            group_by=["region"],
            discounts=own or [],
        )
        support = recurring("1", flat(at.amount("43.21")), "arrears", "s", product="support")
        document = at.contract(construct, [charge, support], **terms)
        at.use(document, f"m_{construct}", at.numbers(40, 1, 60, 1), region=["ap", "eu", "us"])

    land("off_percent", discounts=[off("p", "percent", "12.5")])
    land("off_amount", discounts=[off("a", "amount", at.amount("25"))])
    land("off_more_than_all", discounts=[off("a", "amount", at.amount("2500"), applies_to=["s"])])
    land(
        "off_both",
        [off("own", "percent", "5")],
        discounts=[off("a", "amount", at.amount("25")), off("p", "percent", "10", applies_to=["api"])],
    )
    land("off_ordered", discounts=[off("a", "amount", at.amount("25"), order=1), off("p", "percent", "10", order=2)])
    land("off_once", discounts=[off("o", "percent", "50", duration={"kind": "once"})])
    land("off_two_periods", discounts=[off("o", "amount", at.amount("20"), duration={"kind": "periods", "periods": 2})])
    land("off_dated", discounts=[off("o", "percent", "50", **{"from": "2026-02-01", "to": "2026-03-01"})])
    for how in ("line", "rate", "by_tax", "total"):
        land(
            f"tax_{how}",
            taxes=[tax("state", "8.875"), tax("city", "1.333", applies_to=["api"])],
            billing={"tax_rounding": how},
        )
    land(
        "off_tax",
        [off("own", "amount", at.amount("3"))],
        discounts=[off("p", "percent", "10")],
        taxes=[tax("vat", "19")],
        billing={"tax_rounding": "by_tax"},
    )
    for mode in ("half_even", "ceil", "floor"):
        land(f"round_{mode}", billing={"rounding": {"mode": mode, "stage": "line"}})
    land("round_total", billing={"rounding": {"mode": "half_up", "stage": "total"}})
    land(
        "round_total_tax",
        taxes=[tax("vat", "19")],
        billing={"rounding": {"mode": "half_up", "stage": "total"}, "tax_rounding": "total"},
    )
    land("round_places", billing={"rounding": {"mode": "half_up", "stage": "line", "places": 0}})
    document = at.contract(
        "everything",
        [
            usage(
                "m_every",
                {"model": "graduated", "tiers": tiers(at)},
                included_quantity="20",
                minimum=at.amount("15"),
                group_by=["region"],
            ),
            recurring("4", unit(at.amount("11.11"))),
        ],
        commitments=[
            {
                "commitment_id": "floor",
                "kind": "minimum_spend",
                "amount": at.amount("60"),
                "window": "billing_period",
                "applies_to": ["api"],
                "true_up": True,
                "prorate": True,
            }
        ],
        discounts=[
            off("p", "percent", "3.3", applies_to=["api"]),
            off("a", "amount", at.amount("1"), applies_to=["r"]),
        ],
        taxes=[tax("vat", "7")],
        starts_on="2026-01-09",
    )
    at.use(document, "m_every", at.numbers(30, 1, 40, 1), "2026-01-09", region=["eu", "us"])


def per_event(at: Landing) -> None:
    """Percentages that are charged event by event: allowances, a fee, limits, and what corrections leave of them."""
    for name, allowances in {
        "free_events": {"free_events": "3"},
        "free_amount": {"free_amount": "150"},
        "free_both": {"free_events": "3", "free_amount": "150"},
        "free_far": {"free_events": "4", "free_amount": "100000"},
    }.items():
        price = {"model": "percentage", "rate_percent": "1.35", "fixed_per_event": at.amount("0.30")} | allowances
        document = at.contract(f"percentage_{name}", [usage(f"m_p{name}", price)])
        at.use(document, f"m_p{name}", at.numbers(30, 1, 300, 2))
        limits = {"min_per_event": at.amount("1"), "max_per_event": at.amount("3.50")}
        document = at.contract(f"percentage_limits_{name}", [usage(f"m_l{name}", price | limits)])
        at.use(document, f"m_l{name}", at.numbers(30, 1, 300, 2))
    limits = {"model": "percentage", "rate_percent": "2.9", "min_per_event": at.amount("1")}
    document = at.contract(
        "percentage_limits_groups",
        [
            usage(
                "m_lgroups",
                {
                    "model": "matrix",
                    "dimension": "card",
                    "prices": {"debit": limits | {"free_events": "2"}, "credit": limits | {"free_amount": "120"}},
                    "default": limits | {"fixed_per_event": at.amount("0.10"), "max_per_event": at.amount("4")},
                },
                group_by=["region"],
                maximum=at.amount("60"),
            )
        ],
    )
    at.use(
        document, "m_lgroups", at.numbers(60, 1, 300, 2), region=["eu", "us", None], card=["debit", "credit", "gift"]
    )
    document = at.contract(
        "percentage_limits_converted",
        [usage("m_lconv", limits | {"free_amount": "1.5"}, property="cents", unit_conversion={"divide_by": "100"})],
    )
    for cents in at.numbers(30, 1, 30000):
        at.use(document, "m_lconv", ["1"], cents=cents)
    v1 = at.contract("percentage_limits_corrected", [usage("m_lcorr", limits | {"free_events": "1"})])
    at.amend(v1, "2026-02-11", charges=[usage("m_lcorr", limits | {"free_events": "1", "rate_percent": "5"})])
    opens = datetime(2026, 1, 2, 9, tzinfo=ZoneInfo(v1["timezone"]))
    # In part and in whole, in the same month and the next, by more than there was, and at another price.
    values: dict[str, list[tuple[str, int]]] = {
        "80": [("-10", 30)],
        "100": [("-100", 0)],
        "90": [("-15", 1), ("-20", 9)],
        "40": [],
        "30": [("-30", 0), ("-15", 1), ("-20", 9)],
        "75": [("-10", 30)],
        "60": [],
    }
    for place, (value, corrections) in enumerate(values.items()):
        moment = opens + timedelta(days=9 * place)
        name = at.event(v1, "m_lcorr", moment, value)
        subject = at.events[-1]["subject"]
        for back, later in corrections:
            at.event(v1, "m_lcorr", moment + timedelta(days=later, hours=1), back, corrects=name)
            at.events[-1]["subject"] = subject


def windows(at: Landing) -> None:
    """Commitments by local day, hour and time of day, in money and in units, over changes of the clock."""
    day = {"commitment_id": "w", "kind": "windowed", "window": "day", "applies_to": ["u"], "overage_factor": "1.5"}
    hour = day | {"window": "hour", "overage_factor": "2"}
    night = {"from_hour": 22, "to_hour": 6, "unit_price": "0.11", "amount": "0.40", "overage_factor": "3"}
    noon = {"from_hour": 11, "to_hour": 14, "quantity": "3", "true_up": True}
    for name, terms in {
        "day": day | {"amount": at.amount("6"), "true_up": False},
        "day_true_up": day | {"amount": at.amount("6"), "true_up": True},
        "day_units": day | {"quantity": "12", "true_up": True},
        "period_units": day | {"window": "billing_period", "quantity": "700", "true_up": True},
        "hour": hour | {"amount": "0.05", "true_up": True},
        "hour_bands": hour | {"time_of_day": [night, noon]},
        "day_bands": day | {"amount": at.amount("2"), "true_up": True, "time_of_day": [night, noon]},
    }.items():
        document = at.contract(
            f"windowed_{name}",
            [usage(f"m_w{name}", unit(at.unit("0.41")), group_by=["region"]), usage(f"m_w{name}_b", unit("9"), "v")],
            commitments=[terms],
        )
        at.use(document, f"m_w{name}", at.numbers(60, 1, 60, 1), region=["eu", "us"])
        at.use(document, f"m_w{name}_b", ["3"])


def free_units(at: Landing) -> None:
    """Free quantities of a whole contract, and what recurring charges include and must come to."""
    durations: dict[str, Json] = {"forever": {}, "once": {"duration": {"kind": "once"}}, "from": {"from": "2026-02-01"}}
    for name, terms in durations.items():
        price = {"model": "graduated", "tiers": tiers(at)}
        document = at.contract(
            f"free_contract_{name}",
            [
                usage(f"m_f{name}_a", price, "a", group_by=["region"], included_quantity="100"),
                usage(f"m_f{name}_b", unit(at.unit("0.35")), "b"),
                usage(f"m_f{name}_c", unit(at.unit("0.25")), "c", product="other"),
            ],
            discounts=[off("free", "free_quantity", "900", applies_to=["api"], **terms), off("p", "percent", "10")],
        )
        at.use(document, f"m_f{name}_a", at.numbers(20, 1, 90), region=["eu", "us"])
        at.use(document, f"m_f{name}_b", at.numbers(20, 1, 90))
        at.use(document, f"m_f{name}_c", at.numbers(5, 1, 90))
    seats = [{"from": "2026-01-01", "quantity": "12"}, {"from": "2026-02-12", "quantity": "30"}]
    for timing in ("advance", "arrears"):
        at.contract(
            f"recurring_included_{timing}",
            [recurring(seats, {"model": "graduated", "tiers": tiers(at)}, timing, included_quantity="10")],
            starts_on="2026-01-09",
        )
        for prorate in (True, False):
            at.contract(
                f"recurring_minimum_{timing}_{prorate}",
                [recurring(seats, unit(at.unit("3.17")), timing, minimum=at.amount("70"), prorate=prorate)],
                starts_on="2026-01-09",
            )
        capped = [recurring(seats, unit(at.unit("3.17")), timing, maximum=at.amount("61"))]
        v1 = at.contract(f"recurring_maximum_{timing}", capped, starts_on="2026-01-09")
        # the maximum alone changes, inside a period
        at.amend(v1, "2026-02-20", charges=[capped[0] | {"maximum": at.amount("50")}])
    inclusive = {
        "commitment_id": "m", "kind": "minimum_spend", "amount": at.amount("50"), "window": "billing_period",
        "applies_to": None, "true_up": True,
    }  # fmt: skip
    document = at.contract(
        "minimum_spend_inclusive",
        [usage("m_incltax", unit(at.unit("0.35")))],
        commitments=[inclusive],
        taxes=[tax("vat", "19", inclusive=True)],
    )
    at.use(document, "m_incltax", at.numbers(10, 1, 60))


def combinations(at: Landing) -> None:
    for zone in ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"):
        name = f"boundary_{zone.rpartition('/')[2].lower()}"
        document = at.contract(name, [usage(f"m_{name}", unit(at.unit("0.77")))], timezone=zone, starts_on="2026-01-20")
        at.use(document, f"m_{name}", at.numbers(12, 1, 50), "2026-01-01")  # some of it before the contract began
        for month in (2, 3, 4):
            midnight = datetime(2026, month, 1, tzinfo=ZoneInfo(zone))
            for moment in (midnight, midnight - timedelta(microseconds=1), midnight + timedelta(minutes=29)):
                at.event(document, f"m_{name}", moment, str(at.rng.randrange(1, 99)))
        change = datetime(2026, 3, 8 if zone.startswith("America") else 29, tzinfo=ZoneInfo(zone))
        for hours in (0, 1, 2, 3, 23, 24):
            at.event(document, f"m_{name}", change + timedelta(hours=hours), str(at.rng.randrange(1, 99)))

    def dearer(price: Json, *names: str) -> Json:
        return price | {name: str(Decimal(price[name]) * 2) for name in names}

    package = {"model": "package", "package_size": "100", "package_price": at.amount("3.50")}
    v1 = at.contract("package_change", [usage("m_pchange", package, minimum=at.amount("9"))])
    at.amend(v1, "2026-02-11", charges=[usage("m_pchange", dearer(package, "package_price"), minimum=at.amount("9"))])
    at.use(v1, "m_pchange", at.numbers(50, 1, 60))
    price = unit(at.unit("0.21"))
    v1 = at.contract(
        "limits_change",
        [usage("m_lchange", price, maximum=at.amount("90"), minimum=at.amount("80"), group_by=["region"])],
    )
    for step, effective_from in enumerate(("2026-01-21", "2026-02-21"), 2):
        charge = v1["charges"][0] | {"price": unit(str(Decimal(price["unit_price"]) * step))}
        v1 = at.amend(v1, effective_from, charges=[charge])
    at.use(v1, "m_lchange", at.numbers(60, 1, 60, 2), region=["eu", "us", None])
    charge = usage(
        "m_dated",
        unit(at.unit("0.6")),
        effective_from="2026-01-15",
        effective_to="2026-03-10",
        product="trial",
    )
    document = at.contract(
        "charge_dates",
        [
            charge,
            usage("m_dated", unit(at.unit("0.1")), "always"),
            recurring("2", unit(at.amount("12")), "arrears", effective_from="2026-01-15", effective_to="2026-03-10"),
        ],
    )
    at.use(document, "m_dated", at.numbers(40, 1, 60, 2))
    document = at.contract(
        "percentage_group",
        [
            usage(
                "m_pgroup",
                {"model": "percentage", "rate_percent": "2.5", "fixed_per_event": at.amount("0.25")},
                group_by=["card", "region"],
                maximum=at.amount("40"),
            )
        ],
    )
    at.use(document, "m_pgroup", at.numbers(60, 1, 90, 2), card=["debit", "credit"], region=["eu", "us"])
    v1 = at.contract(
        "weekly_seats",
        [
            recurring("4", unit(at.amount("7.07"))),
            recurring("4", unit(at.amount("5.55")), "arrears", "b"),
        ],
        billing={"frequency": "weekly", "anchor_date": "2026-01-07"},
        taxes=[tax("vat", "21")],
    )
    at.amend(v1, "2026-02-13", charges=[charge | {"quantity": "6"} for charge in v1["charges"]])
    document = at.contract(
        "credit_lines_tax",
        [usage("m_clt", unit(at.unit("0.3317")), group_by=["region"])],
        credit_grants=[
            {
                "grant_id": "g",
                "amount": at.amount("150"),
                "unit": "currency",
                "kind": "sla",
                "effective_at": "2025-12-01T00:00:00Z",
                "expires_at": None,
                "priority": 1,
            }
        ],
        discounts=[off("p", "percent", "5")],
        taxes=[tax("vat", "19")],
        billing={"tax_rounding": "by_tax"},
    )
    at.use(document, "m_clt", at.numbers(40, 1, 60, 1), region=["ap", "eu", "us"])
    document = at.contract(
        "prepaid_tax",
        [usage("m_xpt", unit(at.unit("0.31")))],
        commitments=[
            {
                "commitment_id": "pp",
                "kind": "prepaid",
                "amount": at.amount("300"),
                "window": "contract",
                "applies_to": None,
                "priority": 1,
            }
        ],
        taxes=[tax("vat", "19")],
    )
    at.use(document, "m_xpt", at.numbers(50, 1, 60, 2))
    document = at.contract(
        "windowed_period",
        [usage("m_wperiod", unit(at.amount("0.5")))],
        commitments=[
            {
                "commitment_id": "w",
                "kind": "windowed",
                "amount": at.amount("150"),
                "window": "billing_period",
                "applies_to": ["u"],
                "overage_factor": "1.5",
                "true_up": True,
            }
        ],
    )
    at.use(document, "m_wperiod", at.numbers(20, 20, 60))
    held = document["commitments"][0] | {"amount": at.amount("60")}
    least = [usage("m_wleast", unit(at.amount("0.5")), minimum=at.amount("45"))]
    document = at.contract("windowed_minimum", least, commitments=[held])
    at.use(document, "m_wleast", at.numbers(6, 5, 20))
    document = at.contract(
        "one_time_reduced",
        [
            {
                "charge_id": "setup",
                "product": "onboarding",
                "type": "one_time",
                "timing": "advance",
                "price": flat(at.amount("150.05")),
            },
            recurring("2", unit(at.amount("19.99"))),
        ],
        discounts=[
            {
                "discount_id": "p",
                "kind": "percent",
                "value": "15",
                "applies_to": ["setup", "seats"],
                "duration": {"kind": "periods", "periods": 2},
            }
        ],
        taxes=[tax("vat", "7.7")],
        starts_on="2026-01-13",
    )
    v1 = at.contract("fewer_seats_tax", [recurring("9", unit(at.amount("19.99")))], taxes=[tax("vat", "7.7")])
    at.amend(v1, "2026-02-05", charges=[v1["charges"][0] | {"quantity": "2"}])
    document = at.contract(
        "total_reduced",
        [usage("m_tred", unit(at.unit("0.3317")), group_by=["region"])],
        discounts=[off("p", "percent", "5")],
        taxes=[tax("vat", "19")],
        billing={"rounding": {"mode": "half_even", "stage": "total"}},
    )
    at.use(document, "m_tred", at.numbers(40, 1, 60, 1), region=["ap", "eu", "us"])
    document = at.contract(
        "floor_reduced",
        [usage("m_fred", unit(at.unit("0.3317")))],
        discounts=[off("p", "percent", "5.5")],
        taxes=[tax("vat", "19")],
        billing={"rounding": {"mode": "floor"}},
    )
    at.use(document, "m_fred", at.numbers(40, 1, 60, 1))
    for construct, kind in (("gauge_change", "max"), ("level_change", "weighted_sum"), ("count_change", "count")):
        price = unit(at.unit("1.5"))
        v1 = at.contract(construct, [usage(f"m_{construct}", price, aggregation=kind)])
        at.amend(v1, "2026-02-11", charges=[usage(f"m_{construct}", dearer(price, "unit_price"), aggregation=kind)])
        at.use(v1, f"m_{construct}", [None] * 30 if kind == "count" else at.numbers(30, 1, 60, 2))


def readings(at: Landing) -> None:
    """Combinations where the design leaves room: what both computations chose is pinned."""
    ramp = [{"from": "2026-01-01", "quantity": "5"}, {"from": "2026-02-15", "quantity": "3"}]
    at.contract("seat_discount", [recurring(ramp, unit(at.amount("20")))], discounts=[off("p", "percent", "10")])
    price = unit(at.unit("0.31"))
    v1 = at.contract("included_change", [usage("m_xinc", price, included_quantity="300")])
    dearer = unit(str(Decimal(price["unit_price"]) * 2))
    at.amend(v1, "2026-02-11", charges=[usage("m_xinc", dearer, included_quantity="300")])
    at.use(v1, "m_xinc", at.numbers(50, 1, 90, 2))
    floor = {"commitment_id": "floor", "kind": "minimum_spend", "window": "billing_period", "applies_to": None}
    document = at.contract(
        "spend_discount",
        [usage("m_xsd", unit(at.unit("0.31")))],
        commitments=[floor | {"amount": at.amount("400"), "true_up": True, "prorate": True}],
        discounts=[off("p", "percent", "10")],
    )
    at.use(document, "m_xsd", at.numbers(50, 1, 30, 2))
    grant = {"grant_id": "g", "unit": "currency", "kind": "promotional", "priority": 1, "expires_at": None}
    at.contract(
        "credit_seats",
        [recurring("2", unit(at.amount("20")))],
        credit_grants=[grant | {"amount": at.amount("55"), "effective_at": "2025-12-01T00:00:00Z"}],
    )
    document = at.contract(
        "inclusive",
        [usage("m_incl", unit(at.unit("0.31")), group_by=["region"])],
        taxes=[tax("vat", "19", inclusive=True)],
        discounts=[off("p", "percent", "10")],
    )
    at.use(document, "m_incl", at.numbers(30, 1, 90, 2), region=["eu", "us"])


def generate(seed: int) -> Landing:
    """The world of a seed: another seed pairs the constructs with other currencies and zones."""
    at = Landing(Random(seed), seed)  # noqa: S311  (a test world, no secret)
    for part in (
        price_models,
        quantities,
        amendments,
        seats,
        calendars,
        commitments,
        reductions,
        combinations,
        readings,
        per_event,
        windows,
        free_units,
    ):
        part(at)
    return at
