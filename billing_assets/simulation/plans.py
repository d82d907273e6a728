"""The price plans of the simulated seller, as terms of the canonical contract document (docs: landing contracts).

A plan is a function of the currency that returns the document's `charges` and, where it has them, commitments,
grants, discounts and taxes. Prices are invented; their shapes cover what the platform rates.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

Terms = dict[str, Any]
MODELS = ("atlas-large", "atlas-small")
PER_MILLION = "1000000"
# One price list in dollars; the yen list is the dollar list times this round figure, the euro list is the same.
YEN_PER_DOLLAR = Decimal(150)


def price_in(currency: str, dollars: str) -> str:
    """The list price `dollars` on the list of `currency`, as decimal text."""
    return format((Decimal(dollars) * YEN_PER_DOLLAR).normalize(), "f") if currency == "JPY" else dollars


def usage(charge_id: str, meter: str, price: Terms, product: str = "inference", **terms: Any) -> Terms:
    """A usage charge in arrears that sums the events' quantities."""
    return {
        "charge_id": charge_id,
        "product": product,
        "description": f"{product}: {meter}",
        "type": "usage",
        "timing": "arrears",
        "meter": meter,
        "aggregation": "sum",
        "price": price,
        **terms,
    }


def recurring(charge_id: str, product: str, timing: str, price: Terms, quantity: Any = None) -> Terms:
    charge = {
        "charge_id": charge_id,
        "product": product,
        "description": f"{product}: {charge_id}",
        "type": "recurring",
        "timing": timing,
        "price": price,
    }
    return charge if quantity is None else {**charge, "quantity": quantity}


def per_million(currency: str, dollars: str) -> Terms:
    return {"model": "unit", "unit_price": price_in(currency, dollars), "per": PER_MILLION}


def flat(currency: str, dollars: str) -> Terms:
    return {"model": "flat", "amount": price_in(currency, dollars)}


def per_seat(currency: str, dollars: str) -> Terms:
    return {"model": "unit", "unit_price": price_in(currency, dollars)}


def tokens(currency: str, input_dollars: str, output_dollars: str) -> list[Terms]:
    """Input and output tokens at one price each per million."""
    return [
        usage("tokens-input", "tokens.input", per_million(currency, input_dollars)),
        usage("tokens-output", "tokens.output", per_million(currency, output_dollars)),
    ]


def _tiers(currency: str, *steps: tuple[str | None, str]) -> list[Terms]:
    return [{"up_to": up_to, "unit_price": price_in(currency, dollars), "per": PER_MILLION} for up_to, dollars in steps]


def pay_as_you_go(currency: str) -> Terms:
    return {"charges": tokens(currency, "300", "1200")}


def by_region(currency: str) -> Terms:
    charges = tokens(currency, "312.5", "1250")
    charges[0]["group_by"] = ["region"]
    charges[1]["group_by"] = ["region"]
    return {"charges": charges}


def graduated(currency: str) -> Terms:
    price = {
        "model": "graduated",
        "tiers": _tiers(currency, ("250000", "375"), ("1000000", "300"), (None, "240")),
    }
    return {"charges": [usage("tokens-input", "tokens.input", price), tokens(currency, "0", "1150")[1]]}


def graduated_with_tier_fees(currency: str) -> Terms:
    tiers = _tiers(currency, ("500000", "350"), (None, "275"))
    tiers[0]["flat_price"] = price_in(currency, "15")
    tiers[1]["flat_price"] = price_in(currency, "25")
    return {
        "charges": [
            usage("tokens-input", "tokens.input", {"model": "graduated", "tiers": tiers}),
            tokens(currency, "0", "1175")[1],
        ]
    }


def volume(currency: str) -> Terms:
    price = {"model": "volume", "tiers": _tiers(currency, ("300000", "360"), ("900000", "305"), (None, "260"))}
    return {"charges": [usage("tokens-input", "tokens.input", price), tokens(currency, "0", "1125")[1]]}


def package(currency: str) -> Terms:
    price = {
        "model": "package",
        "package_size": "100000",
        "package_price": price_in(currency, "35"),
        "free_units": "50000",
        "package_rounding": "up",
    }
    return {"charges": [usage("tokens-input", "tokens.input", price), tokens(currency, "0", "1200")[1]]}


def platform_fee(currency: str) -> Terms:
    """A flat fee in advance that includes an allowance of output tokens."""
    charges = tokens(currency, "290", "1175")
    charges[1]["included_quantity"] = "20000"
    return {"charges": [recurring("platform-fee", "platform", "advance", flat(currency, "450")), *charges]}


def seats_in_advance(currency: str, ramp: list[Terms]) -> Terms:
    return {
        "charges": [
            recurring("studio-seats", "studio", "advance", per_seat(currency, "30"), ramp),
            *tokens(currency, "300", "1200"),
        ]
    }


def seats_in_arrears(currency: str, ramp: list[Terms]) -> Terms:
    return {
        "charges": [
            recurring("studio-seats", "studio", "arrears", per_seat(currency, "28"), ramp),
            *tokens(currency, "300", "1200"),
        ]
    }


def minimum_spend(currency: str, minimum: str = "400") -> Terms:
    return {
        "charges": tokens(currency, "275", "1100"),
        "commitments": [
            {
                "commitment_id": "minimum",
                "kind": "minimum_spend",
                "amount": price_in(currency, minimum),
                "window": "billing_period",
                "applies_to": None,
                "true_up": True,
                "prorate": True,
            }
        ],
    }


def prepaid(currency: str, amount: str) -> Terms:
    """A commitment paid up front; usage draws its grant down."""
    return {
        "charges": tokens(currency, "250", "1000"),
        "commitments": [
            {
                "commitment_id": "prepaid-2026",
                "kind": "prepaid",
                "amount": price_in(currency, amount),
                "window": "contract",
                "applies_to": ["tokens-input", "tokens-output"],
                "priority": 10,
            }
        ],
    }


def promotional(currency: str, effective_at: str, expires_at: str) -> Terms:
    return {
        "charges": tokens(currency, "300", "1200"),
        "credit_grants": [
            {
                "grant_id": "welcome-credit",
                "amount": price_in(currency, "40"),
                "unit": "currency",
                "kind": "promotional",
                "effective_at": effective_at,
                "expires_at": expires_at,
                "priority": 1,
                "applies_to": None,
            }
        ],
    }


def by_model(currency: str) -> Terms:
    """A matrix: the model decides the price."""
    charges = tokens(currency, "0", "0")
    for charge, (large, small) in zip(charges, (("400", "100"), ("1600", "400")), strict=True):
        charge["price"] = {
            "model": "matrix",
            "dimension": "model",
            "prices": {
                "atlas-large": per_million(currency, large),
                "atlas-small": per_million(currency, small),
            },
            "default": per_million(currency, large),
        }
    return {"charges": charges}


def by_model_charge(currency: str) -> Terms:
    """A charge of its own for every model, told apart by a filter."""
    charges = []
    for model, (dollars_in, dollars_out) in zip(MODELS, (("400", "1600"), ("100", "400")), strict=True):
        for meter, dollars in (("tokens.input", dollars_in), ("tokens.output", dollars_out)):
            charges.append(
                usage(f"{model}-{meter[7:]}", meter, per_million(currency, dollars), filter={"model": model})
            )
    return {"charges": charges}


def discounted(currency: str) -> Terms:
    return {
        "charges": tokens(currency, "300", "1200"),
        "discounts": [
            {
                "discount_id": "partner-ten-percent",
                "kind": "percent",
                "value": "10",
                "currency": None,
                "applies_to": None,
                "from": None,
                "to": None,
                "order": 1,
                "duration": {"kind": "forever"},
            }
        ],
    }


def onboarding(currency: str) -> Terms:
    """A one-time fee on the first bill, then usage with a minimum on output."""
    fee = {
        "charge_id": "onboarding-fee",
        "product": "platform",
        "description": "platform: onboarding",
        "type": "one_time",
        "timing": "arrears",
        "quantity": "1",
        "price": {"model": "unit", "unit_price": price_in(currency, "250")},
    }
    charges = tokens(currency, "300", "1200")
    charges[1]["minimum"] = price_in(currency, "150")
    charges[1]["prorate"] = True
    return {"charges": [fee, *charges]}


def stored(currency: str) -> Terms:
    """Tokens and stored gigabytes; storage is a level, billed by the part of the period it was held."""
    price = {"model": "unit", "unit_price": price_in(currency, "0.25")}
    storage = usage("storage", "storage.gb", price, product="storage", aggregation="weighted_sum")
    return {"charges": [*tokens(currency, "300", "1200"), storage]}


def with_tax(plan: Callable[[str], Terms], code: str, rate: str) -> Callable[[str], Terms]:
    """`plan` with one tax on everything, outside the price."""

    def taxed(currency: str) -> Terms:
        tax = {"tax_code": code, "rate_percent": rate, "applies_to": None, "inclusive": False}
        return {**plan(currency), "taxes": [tax]}

    return taxed
