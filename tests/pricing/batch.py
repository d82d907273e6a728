"""A batch: contracts that Hypothesis draws, so many per price model, with their twins; and what of the terms occurs.

Each example of a run of Hypothesis is one contract; the examples are gathered instead of judged, and the whole batch is
billed at once. A seed draws the same batch where the same code is loaded: Hypothesis also tries constants that it finds
in the modules of the project.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.pricing.contracts import (
    AGGREGATIONS,
    CALENDARS,
    MODELS,
    MODES,
    TAX_ROUNDINGS,
    ZONES,
    Case,
    Json,
    contracts,
)
from tests.pricing.twins import twins_of

# What must occur in a batch, in so many contracts or terms.
LEAST = 3
_TURNS = 20
WANTED: dict[str, list[Any]] = {
    "price model": MODELS,
    "aggregation": AGGREGATIONS,
    "currency": ["USD", "EUR", "JPY", "KWD"],
    "zone": ZONES,
    "calendar": list(CALENDARS),
    "rounding mode": MODES,
    "rounding stage": ["line", "total"],
    "proration": ["day", "second", "none"],
    "charge type": ["usage in arrears", "recurring in arrears", "recurring in advance", "one_time in arrears"],
    "unit conversion": ["none", "up", "down", "half_up"],
    "charge term": ["included_quantity", "maximum", "minimum", "filter", "group_by", "discounts"],
    "seat price": ["unit", "flat", "graduated", "volume", "package"],
    "seats": ["constant", "ramp", "capped"],
    "versions": [1, 2],
    "tax": ["added", "inclusive"],
    "tax rounding": TAX_ROUNDINGS,
    "discount": ["percent", "amount"],
    "grant": ["promotional", "sla", "commit", "units"],
    "recurring grant": ["money", "units"],
    "prepaid": ["contract", "billing_period"],
    "commitment": ["minimum_spend", "windowed", "prepaid"],
}


@dataclass(frozen=True)
class Batch:
    """The contracts of a seed; `twins` are (kind, contract) under the id of their base."""

    cases: tuple[Case, ...]
    twins: tuple[tuple[str, str, Case], ...]  # base, kind, twin

    def delivered(self) -> list[tuple[str, Case]]:
        """Everything that lands, by kind."""
        return [("base", case) for case in self.cases] + [(kind, twin) for _, kind, twin in self.twins]


def draw_cases(of_seed: int, per_model: int) -> list[Case]:
    """`per_model` contracts for each price model."""
    return [
        named(case, f"{model}-{number:03d}")
        for model in MODELS
        for number, case in enumerate(_examples(model, of_seed, per_model))
    ]


def _examples(model: str, of_seed: int, count: int) -> list[Case]:
    drawn: list[Case] = []

    @seed(of_seed)
    @settings(max_examples=count, phases=[Phase.generate], database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(contracts(model, "drawn"))
    def collect(case: Case) -> None:
        drawn.append(case)

    collect()
    return drawn


def named(case: Case, name: str) -> Case:
    """The contract under another id, with an account of its own."""
    versions = [
        document | {"contract_id": name, "account": document["account"] | {"account_id": f"A-{name}"}}
        for document in case.versions
    ]
    return Case(name, case.model, tuple(versions), case.usage)


def draw_batch(of_seed: int, per_model: int) -> Batch:
    """`per_model` contracts for each price model, topped up with others for what is rare among them."""
    cases = draw_cases(of_seed, per_model)
    for turn in range(1, _TURNS):
        rare = _rare(cases)
        if not rare:
            break
        for case in draw_cases(of_seed + _TURNS * turn, LEAST):
            if rare & _occurring(case):
                cases.append(named(case, f"{case.contract_id}-{turn}"))
                rare = _rare(cases)
    twins = [(case.contract_id, *twin) for place, case in enumerate(cases) for twin in twins_of(case, place)]
    return Batch(tuple(cases), tuple(twins))


def _rare(cases: list[Case]) -> set[tuple[str, Any]]:
    found = coverage(cases)
    return {(name, value) for name in WANTED for value in WANTED[name] if found.get(name, {}).get(value, 0) < LEAST}


def _occurring(case: Case) -> set[tuple[str, Any]]:
    return {(name, value) for name, values in coverage([case]).items() for value in values}


def coverage(cases: list[Case]) -> dict[str, Counter[Any]]:
    """How many contracts (of terms within a contract: how many such terms) have each value of what is drawn."""
    found: dict[str, Counter[Any]] = {}

    def count(name: str, value: Any) -> None:
        found.setdefault(name, Counter())[value] += 1

    for case in cases:
        document = case.document
        billing, rounding = document["billing"], document["billing"]["rounding"]
        count("price model", case.model)
        count("currency", document["currency"])
        count("zone", document["timezone"])
        count("calendar", _calendar(billing))
        count("rounding mode", rounding["mode"])
        count("rounding stage", rounding["stage"])
        count("rounding places", rounding["places"])
        count("proration", billing["proration"])
        count("versions", len(case.versions))
        for charge in document["charges"]:
            _count_charge(count, charge)
        for tax in document["taxes"]:
            count("tax", "inclusive" if tax["inclusive"] else "added")
            count("tax rounding", billing["tax_rounding"])
        for discount in document["discounts"]:
            count("discount", discount["kind"])
        for grant in document["credit_grants"]:
            is_money = grant["unit"] == "currency"
            count("grant", grant["kind"] if is_money else "units")
            if "recurrence" in grant:
                count("recurring grant", "money" if is_money else "units")
        for commitment in document["commitments"]:
            count("commitment", commitment["kind"])
            if commitment["kind"] == "prepaid":
                count("prepaid", commitment["window"])
    return found


def _count_charge(count: Any, charge: Json) -> None:
    count("charge type", f"{charge['type']} in {charge['timing']}")
    if charge["type"] == "recurring":
        count("seats", "ramp" if isinstance(charge["quantity"], list) else "constant")
        count("seat price", charge["price"]["model"])
        if "maximum" in charge:
            count("seats", "capped")
    if charge["type"] == "usage":
        count("aggregation", charge["aggregation"])
        for term in ("included_quantity", "maximum", "minimum", "filter", "group_by", "discounts"):
            if term in charge:
                count("charge term", term)
        if "unit_conversion" in charge:
            count("unit conversion", charge["unit_conversion"]["rounding"])


def _calendar(billing: Json) -> str:
    return next(name for name, terms in CALENDARS.items() if terms.items() <= billing.items()
                and billing.get("every", 1) == terms.get("every", 1))  # fmt: skip
