"""Contracts whose credit is counted in a meter's unit, recurs, rolls over, or is bought again: a construct each.

Money here is whole in minor units for every event, so that a grant that begins anew inside a bill leaves no cents over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.constructs import off, recurring, tax, tiers, unit, usage
from tests.oracle.world import Json, Landing


def grant(unit: str, amount: str, grant_id: str = "g", **terms: Any) -> Json:
    return {
        "grant_id": grant_id,
        "amount": amount,
        "unit": unit,
        "kind": "purchased",
        "effective_at": "2026-01-01T12:00:00Z",
        "expires_at": None,
        "priority": 1,
    } | terms


def every(days: int, **terms: Any) -> Json:
    return {"recurrence": {"every_days": days, "anchor": "2026-01-04T06:00:00Z", "reset": True} | terms}


def credited(at: Landing) -> None:
    _units(at)
    _money(at)


def _units(at: Landing) -> None:
    later, ends = {"effective_at": "2026-02-10T00:00:00Z"}, {"expires_at": "2026-02-20T09:00:00Z"}
    plain: dict[str, tuple[Json, list[Json]]] = {
        "units_plain": ({}, [grant("m", "700.5")]),
        "units_order": (
            {},
            [grant("m", "300", "slow"), grant("m", "200", "ends", **ends), grant("m", "150", "first", priority=0)],
        ),
        "units_begin_end": (
            {},
            [grant("m", "260", **later), grant("m", "90", "void", voided_at="2026-01-15T00:00:00Z")],
        ),
        "units_included": ({"included_quantity": "120", "maximum": at.amount("60")}, [grant("m", "180", **later)]),
        "units_converted": (
            {"unit_conversion": {"divide_by": "7", "rounding": "up"}, "minimum": at.amount("9")},
            [grant("m", "41", **later)],
        ),
        "units_groups": ({"group_by": ["region"]}, [grant("m", "330")]),
        "units_weekly": ({}, [grant("m", "45", **every(7))]),
        "units_daily": ({"group_by": ["region"]}, [grant("m", "9", **every(1))]),
        "units_rollover": ({}, [grant("m", "130", **every(10, rollover_min="20", rollover_max="60"))]),
        "units_overage": (
            {},
            [
                grant("m", "60", preserve_overage=True, **every(9)),
                grant("m", "150", "late", preserve_overage=True, **later),
            ],
        ),
        "units_overage_rolls": (
            {},
            [
                grant("m", "200", preserve_overage=True, **every(15, rollover_min="80", rollover_max="80")),
                grant("m", "70", "next", priority=2, **every(4)),
            ],
        ),
    }
    for construct, (terms, grants) in plain.items():
        meter = f"m_{construct}"
        charge = usage(meter, {"model": "graduated", "tiers": tiers(at)}, **terms)
        for one in grants:
            one["unit"] = meter
        document = at.contract(construct, [charge], credit_grants=grants)
        regions: dict[str, Any] = {"region": ["eu", "us"]} if "group_by" in terms else {}
        at.use(document, meter, at.numbers(60, 1, 30, 1), **regions)
    counted = usage("m_ucount", unit(at.unit("0.77")), aggregation="count")
    document = at.contract("units_count", [counted], credit_grants=[grant("m_ucount", "25")])
    at.use(document, "m_ucount", [None] * 40)
    peak = usage("m_upeak", unit(at.unit("1.5")), aggregation="max")
    document = at.contract("units_peak", [peak], credit_grants=[grant("m_upeak", "70")])
    at.use(document, "m_upeak", at.numbers(30, 1, 60, 2))
    scopes = [
        grant("m_uscope", "120", "small", applies_to=["small"], priority=0),
        grant("m_uscope", "150", "any"),
        grant("m_uscope", "60", "again", priority=3, applies_to=["api"], **every(11)),
    ]
    charges = [
        usage("m_uscope", unit(at.unit("0.13")), "large", filter={"model": "large"}),
        usage("m_uscope", {"model": "volume", "tiers": tiers(at)}, "small", filter={"model": "small"}),
    ]
    document = at.contract("units_scopes", charges, credit_grants=scopes, taxes=[tax("vat", "19")])
    at.use(document, "m_uscope", at.numbers(70, 1, 30, 1), model=["large", "small"])
    charge = usage("m_uamend", {"model": "graduated", "tiers": tiers(at)}, included_quantity="40")
    v1 = at.contract("units_amended", [charge], credit_grants=[grant("m_uamend", "400", **every(30))])
    dearer = charge | {"price": unit(at.unit("0.31"))}
    at.amend(v1, "2026-02-11", charges=[dearer])
    at.use(v1, "m_uamend", at.numbers(60, 1, 30, 1))


def _money(at: Landing) -> None:
    def whole(construct: str, **terms: Any) -> None:
        meter = f"m_{construct}"
        document = at.contract(construct, [usage(meter, unit(at.amount("0.50")))], **terms)
        at.use(document, meter, at.numbers(60, 1, 20))

    money = at.amount("50")
    whole("money_weekly", credit_grants=[grant("currency", money, kind="promotional", **every(7))])
    money = at.amount("40")
    whole("money_paid_weekly", credit_grants=[grant("currency", money, **every(7))])
    money, most = at.amount("90"), at.amount("25")
    whole("money_rollover", credit_grants=[grant("currency", money, kind="sla", **every(10, rollover_max=most))])
    prepaid = {"commitment_id": "pp", "kind": "prepaid", "window": "month", "applies_to": None, "priority": 1}
    whole("prepaid_monthly", commitments=[prepaid | {"amount": at.amount("100")}])
    rollover = {"min": at.amount("0"), "max": at.amount("30")}
    whole("prepaid_rolls", commitments=[prepaid | {"amount": at.amount("130"), "rollover": rollover}])
    scopes = [
        grant("currency", at.amount("60"), "one", kind="promotional", applies_to=["one"], priority=2),
        grant("currency", at.amount("80"), "any", kind="promotional", priority=1),
        grant("currency", at.amount("45"), "paid", applies_to=["two"], priority=2),
        grant("currency", at.amount("70"), "paid-any", priority=1),
    ]
    price = unit(at.amount("0.50"))
    charges = [usage("m_mscope1", price, "one"), usage("m_mscope2", price, "two")]
    document = at.contract("money_scopes", charges, credit_grants=scopes)
    opens = datetime(2026, 1, 2, tzinfo=UTC)
    for hours in range(60):  # an hour apart, as an hour is the finest the platform tells two charges apart
        meter = at.rng.choice(["m_mscope1", "m_mscope2"])
        at.event(document, meter, opens + timedelta(hours=hours * 31), str(at.rng.randrange(1, 20)))
    terms = prepaid | {"amount": at.amount("60"), "window": "billing_period"}
    raised = terms | {"amount": at.amount("95")}
    v1 = at.contract("prepaid_change", [usage("m_ppchange", unit(at.amount("0.50")))], commitments=[terms])
    at.amend(v1, "2026-02-11", commitments=[raised])
    at.use(v1, "m_ppchange", at.numbers(60, 1, 20))
    document = at.contract(
        "prepaid_reduced",
        [usage("m_ppred", unit(at.unit("0.31"))), recurring("2", unit(at.amount("7")))],
        commitments=[prepaid | {"amount": at.amount("55")}],
        discounts=[off("p", "percent", "10")],
        taxes=[tax("vat", "19")],
    )
    at.use(document, "m_ppred", at.numbers(60, 1, 20, 1))
