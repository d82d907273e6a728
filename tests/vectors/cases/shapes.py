"""What inputs each op of the case table understands. An input that is not listed is never passed over in silence.

A shape is ANY (one value), a set of the texts allowed, a list holding the shape of each member, or an object of shapes;
a name that ends with `!` must be there.
"""

from __future__ import annotations

from typing import Any

from tests.vectors.vector import Vector

ANY = "any"
FLAG = frozenset({"true", "false", "True", "False"})
RANGE = {"from!": ANY, "to!": ANY}
PART = {"amount!": ANY, "days!": ANY, "period_days!": ANY}
FREQUENCY = frozenset(
    {"daily", "thirty_days", "thirty_one_days", "weekly", "biweekly", "monthly", "quarterly", "semiannual",
     "half_yearly", "biannual", "annual", "yearly", "biennial"}
)  # fmt: skip
MONTHLY = frozenset({"monthly", "quarterly", "semiannual", "half_yearly", "biannual", "annual", "yearly", "biennial"})
PRICED = {"quantity": ANY, "unit_price": ANY, "amount": ANY}
COUPON = {"type!": frozenset({"fixed", "percent"}), "amount": ANY, "rate_percent": ANY, "currency": ANY, "id": ANY}
WALLET = {"id": ANY, "balance!": ANY, "currency": ANY, "limited_to": [ANY], "priority": ANY}
ORDER = frozenset({"listed", "percent_first", "fixed_first"})
METHOD = frozenset({"proportional_exact", "largest_remainder"})
ITEM = {"amount!": ANY, "days": ANY, "period_days": ANY}
INVOICE_LINE = {
    **PRICED, "kind": ANY, "id": ANY, "name": ANY, "description": ANY, "rates_percent": [ANY],
    "tax_rate_percent": ANY, "tax": ANY, "inclusive": FLAG, "discount": ANY, "discount_percent": ANY,
}  # fmt: skip
INVOICE = {
    "lines": [INVOICE_LINE], "fees": [INVOICE_LINE], "items": [INVOICE_LINE], "coupons": [COUPON], "order": ORDER,
    "method": METHOD, "discount": ANY, "discount_percent": ANY, "rates_percent": [ANY], "tax_rate_percent": ANY,
    "inclusive": FLAG, "wallets": [WALLET], "credits": [ANY], "prepaid_credits": [ANY], "credit_notes": [ANY],
}  # fmt: skip

INPUTS: dict[str, Any] = {
    "prorate": {
        "amount!": ANY, "charged": RANGE, "full_period": RANGE, "trial_days": ANY, "days": ANY, "period_days": ANY,
    },
    "prorate_seconds": {"amount!": ANY, "at!": ANY},
    "days_ratio": {**RANGE, "fixed_days_in_month": ANY},
    "days_between": {**RANGE, "fixed_days_in_month": ANY},
    "sum_fractions": {"items!": [PART]},
    "billing_cycles": {"start!": ANY, "end": ANY, "target": ANY, "billing_day!": ANY, "billing_period!": MONTHLY},
    "next_billing_date": {
        "current_period_start!": ANY, "anchor!": ANY, "every": ANY, "billing_period!": FREQUENCY,
        "subscription_end": ANY,
    },
    "month_starts": {**RANGE, "anchor_day": ANY},
    "advance_days": {"from!": ANY, "step_days!": ANY, "count!": ANY},
    "whole_periods": {**RANGE, "billing_period!": FREQUENCY},
    "first_period": {"start!": ANY, "billing_day!": ANY, "billing_period!": MONTHLY, "every": ANY},
    "plan_change": {
        "change_date!": ANY, "old": PRICED, "new": PRICED, "original_amount_paid": ANY, "previous_credits": ANY,
    },
    "component_change": {
        "change_date!": ANY, "components!": [{"kind!": frozenset({"rate"}), "old": ANY, "new": ANY, "id": ANY}],
    },
    "credit_cap": {"credit!": ANY, "original_amount_paid!": ANY, "previous_credits": ANY},
    "sum": {"values!": [ANY], "repeat": ANY},
    "true_up": {
        "minimum!": ANY, "fees!": [ANY], "proration": {"days!": ANY, "period_days!": ANY}, "round_fees_first": FLAG,
    },
    "coupons": {"base!": ANY, "coupons!": [COUPON], "order": ORDER},
    "discount_distribute": {"lines!": [ANY], "discount!": ANY, "method!": METHOD},
    "usage_discount": {"free_quantity!": ANY, "prior_quantity": ANY, "quantity!": ANY},
    "tax": {
        "lines!": [{"amount!": ANY, "rates_percent!": [ANY], "inclusive": FLAG}], "repeat": ANY, "inclusive": FLAG,
    },
    "invoice": INVOICE,
    "invoice_net": INVOICE,
    "wallet_after_tax": INVOICE,
    "wallet_allocate": {"wallets!": [WALLET], "lines!": [{"kind": ANY, "amount!": ANY, "tax": ANY}]},
    "credits_to_money": {"credits!": ANY, "rate": ANY, "conversion_rate": ANY},
    "credit_note": {"item!": ITEM, "tax_rate_percent": ANY},
    "credit_note_items": {"items!": [{**ITEM, "tax_rate_percent": ANY}], "tax_rate_percent": ANY},
    "round": {"value!": ANY},
    "sum_rounded": {"values!": [ANY], "repeat": ANY},
    "to_minor": {"value": ANY, "amount": ANY},
    "prorated_graduated": {},
    "prorated_seats": {"billed_window": RANGE},
}  # fmt: skip
TIER = {"up_to": ANY, "unit_price": ANY, "flat_price": ANY}
PRICES: dict[str, Any] = {
    "prorated_graduated": {
        "model!": frozenset({"graduated"}), "prorated": FLAG, "flat_at_zero": FLAG, "tiers!": [TIER],
    },
    "prorated_seats": {"model!": frozenset({"unit"}), "unit_price!": ANY, "prorated": FLAG},
}  # fmt: skip
EVENTS: dict[str, Any] = {
    "prorated_graduated": {"timestamp": ANY, "quantity!": ANY, "properties!": {"prorated_quantity!": ANY}},
    "prorated_seats": {
        "timestamp": ANY, "quantity": ANY, "properties": {"active_until": ANY, "identifier": ANY, "unique_id": ANY},
    },
}  # fmt: skip
NEEDS_PERIOD = {"prorate_seconds", "plan_change", "component_change", "prorated_seats"}
MODES = {None, "half_up", "half_even", "ceil", "floor"}
STAGES = {None, "total", "line", "rate", "by_tax", "units", "each_fraction"}


def fault(vector: Vector) -> str | None:
    """Why no rule can say what this vector asks for, or None."""
    if vector.op not in INPUTS:
        return f"no rule for {vector.op} with inputs {', '.join(sorted(vector.inputs)) or 'none'}"
    return (
        _fault("inputs", vector.inputs, INPUTS[vector.op])
        or _optional("price", vector.price, PRICES.get(vector.op))
        or _optional("usage", vector.usage, [EVENTS[vector.op]] if vector.op in EVENTS else None)
        or _rounding_fault(vector)
        or _term_fault(vector)
    )


def _optional(where: str, value: Any, shape: Any) -> str | None:
    if not value:
        return None
    return f"{where} is not an input of this rule" if shape is None else _fault(where, value, shape)


def _fault(where: str, value: Any, shape: Any) -> str | None:
    if isinstance(shape, dict):
        return _object_fault(where, value, shape)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is not a list"
        return _first(_fault(f"{where}[{place}]", member, shape[0]) for place, member in enumerate(value))
    if isinstance(value, dict | list):
        return f"{where} is not one value"
    if isinstance(shape, frozenset) and str(value) not in shape:
        return f"{where}: {value} is not a choice of this rule"
    return None


def _object_fault(where: str, value: Any, shape: dict[str, Any]) -> str | None:
    if not isinstance(value, dict):
        return f"{where} is not an object"
    known = {name.rstrip("!"): member for name, member in shape.items()}
    unknown = sorted(set(value) - set(known))
    if unknown:
        return f"{where}.{unknown[0]} is not an input of this rule"
    # Null says the same as leaving a name out.
    given = {name: member for name, member in value.items() if member is not None}
    missing = [name[:-1] for name in shape if name.endswith("!") and name[:-1] not in given]
    if missing:
        return f"{where}.{missing[0]} is missing"
    return _first(_fault(f"{where}.{name}", member, known[name]) for name, member in given.items())


def _rounding_fault(vector: Vector) -> str | None:
    rounding = vector.rounding or {}
    unknown = sorted(set(rounding) - {"mode", "places", "stage", "units_places"})
    if unknown:
        return f"rounding.{unknown[0]} is not known"
    if rounding.get("mode") not in MODES:
        return f"rounding.mode {rounding['mode']} is not known"
    if rounding.get("stage") not in STAGES:
        return f"rounding.stage {rounding['stage']} is not known"
    return None


def _term_fault(vector: Vector) -> str | None:
    """What a shape cannot say: inputs that only make sense together."""
    given, period = vector.inputs, vector.period or {}
    if vector.op in NEEDS_PERIOD and not (period.get("from") and period.get("to")):
        return "period is missing"
    if vector.op == "prorate" and not ("days" in given and "period_days" in given):
        full = given.get("full_period") or period
        if "charged" not in given or not (full.get("from") and full.get("to")):
            return "inputs.charged and full_period, or days and period_days, are missing"
    if vector.op == "billing_cycles" and not (given.get("end") or given.get("target")):
        return "inputs.end or inputs.target is missing"
    if vector.op in {"invoice", "invoice_net", "wallet_after_tax"}:
        stated = [name for name in ("lines", "fees", "items") if given.get(name)]
        if len(stated) != 1:
            return "inputs.lines is missing" if not stated else f"both inputs.{stated[0]} and inputs.{stated[1]}"
        if given.get("wallets") and any("kind" not in line for line in given[stated[0]]):
            limited = any(wallet.get("limited_to") for wallet in given["wallets"])
            return "inputs.lines[].kind is missing, and wallets are limited to kinds" if limited else None
    return None


def _first(faults: Any) -> str | None:
    return next((reason for reason in faults if reason), None)
