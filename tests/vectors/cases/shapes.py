"""What inputs each op of the case table understands. An input that is not listed is never passed over in silence.

A shape is ANY (one value), NUMBER (a decimal), a set of the texts allowed, a list holding the shape of each member, an
object of shapes, or a tuple of shapes of which one must fit; a name that ends with `!` must be there.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import available_timezones

from tests.vectors.vector import Vector

ANY = "any"
NUMBER = "number"
ANYTHING = "anything"  # an object whose members are not looked at here
DAY = frozenset(str(day) for day in range(1, 32))
LARGEST = 10**14  # beyond it DECIMAL(38,12) times a price leaves 38 digits
FLAG = frozenset({"true", "false", "True", "False"})
RANGE = {"from!": ANY, "to!": ANY}
PART = {"amount!": NUMBER, "days!": NUMBER, "period_days!": NUMBER}
FREQUENCY = frozenset(
    {"daily", "thirty_days", "thirty_one_days", "weekly", "biweekly", "monthly", "quarterly", "semiannual",
     "half_yearly", "biannual", "annual", "yearly", "biennial"}
)  # fmt: skip
MONTHLY = frozenset({"monthly", "quarterly", "semiannual", "half_yearly", "biannual", "annual", "yearly", "biennial"})
PRICED = ({"amount!": NUMBER}, {"quantity!": NUMBER, "unit_price!": NUMBER})
COUPON = (
    {"type!": frozenset({"fixed"}), "amount!": NUMBER, "currency": ANY, "id": ANY},
    {"type!": frozenset({"percent"}), "rate_percent!": NUMBER, "currency": ANY, "id": ANY},
)
WALLET = {"id": ANY, "balance!": NUMBER, "currency": ANY, "limited_to": [ANY], "priority": NUMBER}
ORDER = frozenset({"listed", "percent_first", "fixed_first"})
METHOD = frozenset({"proportional_exact", "largest_remainder"})
ITEM = {"amount!": NUMBER, "days": NUMBER, "period_days": NUMBER}
OF_LINE = {
    "kind": ANY, "id": ANY, "name": ANY, "description": ANY, "rates_percent": [NUMBER], "tax_rate_percent": NUMBER,
    "tax": NUMBER, "inclusive": FLAG, "discount": NUMBER, "discount_percent": NUMBER,
}  # fmt: skip
INVOICE_LINES = [(NUMBER, *({**priced, **OF_LINE} for priced in PRICED))]
AMOUNTS = (NUMBER, [NUMBER], [{"amount!": NUMBER, "id": ANY}])
INVOICE = {
    "lines": INVOICE_LINES, "fees": INVOICE_LINES, "items": INVOICE_LINES, "coupons": [COUPON], "order": ORDER,
    "method": METHOD, "discount": NUMBER, "discount_percent": NUMBER, "rates_percent": [NUMBER],
    "tax_rate_percent": NUMBER, "inclusive": FLAG, "wallets": [WALLET], "credits": AMOUNTS,
    "prepaid_credits": AMOUNTS, "credit_notes": AMOUNTS,
}  # fmt: skip

INPUTS: dict[str, Any] = {
    "prorate": {
        "amount!": NUMBER, "charged": RANGE, "full_period": RANGE, "trial_days": NUMBER, "days": NUMBER,
        "period_days": NUMBER,
    },
    "prorate_seconds": {"amount!": NUMBER, "at!": ANY},
    "days_ratio": {**RANGE, "fixed_days_in_month": NUMBER},
    "days_between": {**RANGE, "fixed_days_in_month": NUMBER},
    "sum_fractions": {"items!": [PART]},
    "billing_cycles": {"start!": ANY, "end": ANY, "target": ANY, "billing_day!": DAY, "billing_period!": MONTHLY},
    "next_billing_date": {
        "current_period_start!": ANY, "anchor!": ANY, "every": NUMBER, "billing_period!": FREQUENCY,
        "subscription_end": ANY,
    },
    "month_starts": {**RANGE, "anchor_day": DAY},
    "advance_days": {"from!": ANY, "step_days!": NUMBER, "count!": NUMBER},
    "whole_periods": {**RANGE, "billing_period!": FREQUENCY},
    "first_period": {"start!": ANY, "billing_day!": DAY, "billing_period!": MONTHLY, "every": NUMBER},
    "plan_change": {
        "change_date!": ANY, "old": PRICED, "new": PRICED, "original_amount_paid": NUMBER, "previous_credits": NUMBER,
    },
    "component_change": {
        "change_date!": ANY, "components!": [{"kind!": frozenset({"rate"}), "old": NUMBER, "new": NUMBER, "id": ANY}],
    },
    "credit_cap": {"credit!": NUMBER, "original_amount_paid!": NUMBER, "previous_credits": NUMBER},
    "sum": {"values!": [NUMBER], "repeat": NUMBER},
    "true_up": {
        "minimum!": NUMBER, "fees!": [NUMBER], "proration": {"days!": NUMBER, "period_days!": NUMBER},
        "round_fees_first": FLAG,
    },
    "coupons": {"base!": NUMBER, "coupons!": [COUPON], "order": ORDER},
    "discount_distribute": {"lines!": [NUMBER], "discount!": NUMBER, "method!": METHOD},
    "usage_discount": {"free_quantity!": NUMBER, "prior_quantity": NUMBER, "quantity!": NUMBER},
    "tax": {
        "lines!": [{"amount!": NUMBER, "rates_percent!": [NUMBER], "inclusive": FLAG}], "repeat": NUMBER,
        "inclusive": FLAG,
    },
    "invoice": INVOICE,
    "invoice_net": INVOICE,
    "wallet_after_tax": INVOICE,
    "wallet_allocate": {"wallets!": [WALLET], "lines!": [{"kind": ANY, "amount!": NUMBER, "tax": NUMBER}]},
    "credits_to_money": {"credits!": NUMBER, "rate": NUMBER, "conversion_rate": NUMBER},
    "credit_note": {"item!": ITEM, "tax_rate_percent": NUMBER},
    "credit_note_items": {"items!": [{**ITEM, "tax_rate_percent": NUMBER}], "tax_rate_percent": NUMBER},
    "round": {"value!": NUMBER},
    "sum_rounded": {"values!": [NUMBER], "repeat": NUMBER},
    "to_minor": {"value": NUMBER, "amount": NUMBER},
    "prorated_graduated": {},
    "prorated_seats": {"billed_window": RANGE},
}  # fmt: skip
TIER = {"up_to": NUMBER, "unit_price": NUMBER, "flat_price": NUMBER}
PRICES: dict[str, Any] = {
    "prorated_graduated": {
        "model!": frozenset({"graduated"}), "prorated": FLAG, "flat_at_zero": FLAG, "tiers!": [TIER],
    },
    "prorated_seats": {"model!": frozenset({"unit"}), "unit_price!": NUMBER, "prorated": FLAG},
}  # fmt: skip
EVENTS: dict[str, Any] = {
    "prorated_graduated": {"timestamp": ANY, "quantity!": NUMBER, "properties!": {"prorated_quantity!": NUMBER}},
    "prorated_seats": {
        "timestamp": ANY, "quantity": NUMBER, "properties": ANYTHING,  # whatever names the seat
    },
}  # fmt: skip
NEEDS_PERIOD = {"prorate_seconds", "plan_change", "component_change", "prorated_seats"}
MODES = {None, "half_up", "half_even", "ceil", "floor"}
PLACES = range(-2, 13)
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
        or _zone_fault(vector)
        or _term_fault(vector)
    )


def _optional(where: str, value: Any, shape: Any) -> str | None:
    if not value:
        return None
    return f"{where} is not an input of this rule" if shape is None else _fault(where, value, shape)


def _fault(where: str, value: Any, shape: Any) -> str | None:
    if isinstance(shape, dict):
        return _object_fault(where, value, shape)
    if shape == ANYTHING:
        return None
    if isinstance(shape, tuple):
        faults = [_fault(where, value, one) for one in shape]
        return None if None in faults else "; or ".join(dict.fromkeys(str(one) for one in faults))
    if isinstance(shape, list):
        return _list_fault(where, value, shape[0])
    if isinstance(value, dict | list):
        return f"{where} is not one value"
    return _value_fault(where, value, shape)


def _value_fault(where: str, value: Any, shape: Any) -> str | None:
    if isinstance(shape, frozenset) and str(value) not in shape:
        return f"{where}: {value} is not a choice of this rule"
    if shape == NUMBER:
        try:
            if not abs(Decimal(str(value))) < LARGEST:
                return f"{where}: {value} is beyond what a contract's numbers hold"
        except (InvalidOperation, ValueError):
            return f"{where}: {value} is not a number"
    return None


def _list_fault(where: str, value: Any, member: Any) -> str | None:
    if not isinstance(value, list):
        return f"{where} is not a list"
    return _first(_fault(f"{where}[{place}]", one, member) for place, one in enumerate(value))


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
    for name in ("places", "units_places"):
        if rounding.get(name) is not None and int(rounding[name]) not in PLACES:
            return f"rounding.{name} {rounding[name]} is not between -2 and 12"
    return None


def _zone_fault(vector: Vector) -> str | None:
    known = vector.timezone is None or vector.timezone in available_timezones()
    return None if known else f"timezone {vector.timezone} is not known"


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
        return _payment_fault(vector, given[stated[0]])
    return None


def _payment_fault(vector: Vector, lines: list[Any]) -> str | None:
    given, asked = vector.inputs, set(vector.expected)
    limited = any(wallet.get("limited_to") for wallet in given.get("wallets") or [])
    if limited and not all(isinstance(line, dict) and line.get("kind") for line in lines):
        return "inputs.lines[].kind is missing, and wallets are limited to kinds"
    # Here a payment leaves the total as it is; elsewhere it is taken off, and one figure alone does not say which.
    paid = any(given.get(name) for name in ("wallets", "credits", "prepaid_credits", "credit_notes"))
    if vector.op == "invoice" and paid and "total" in asked and not asked & {"amount_due", "due", "remaining"}:
        return "nothing says whether total is before or after what credit pays (amount_due is not asked)"
    return None


def _first(faults: Any) -> str | None:
    return next((reason for reason in faults if reason), None)
