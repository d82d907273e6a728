"""Price objects of contract documents in their normal form: cells, conditions and tiers.

Belongs here: which fields each price model has, and refusing every other. What the figures do is in
dbt_project/macros/pricing; the rest of a charge is in `contracts`.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing_assets.landing.strict_json import canonical
from billing_assets.landing.terms import Terms, number_of, scalar_text

Row = dict[str, Any]

_TIERED = ("graduated", "volume", "graduated_percentage", "capacity")
MODELS = (
    "unit", "flat", "graduated", "volume", "graduated_percentage", "package", "percentage", "capacity", "matrix",
    "dynamic", "precomputed",
)  # fmt: skip

_CELL_FIELDS = (
    "unit_price", "per", "amount", "package_size", "package_price", "free_units", "package_rounding",
    "rate_percent", "fixed_per_event", "free_events", "free_amount", "min_per_event", "max_per_event",
    "multiplier", "flat_at_zero",
)  # fmt: skip
_TIER_FIELDS = (
    "from_quantity", "up_to", "unit_price", "per", "flat_price", "block_size", "rate_percent", "amount", "limits",
)  # fmt: skip


@dataclass
class Price:
    """One price: rows without the keys of contract and charge, numbered within the charge."""

    model: str
    dimension: str | None = None
    cells: list[Row] = field(default_factory=list)
    conditions: list[Row] = field(default_factory=list)
    tiers: list[Row] = field(default_factory=list)

    def normal_form(self) -> dict[str, Any]:
        """Everything that makes the price, without the fields it is silent about."""
        return {
            "model": self.model,
            "dimension": self.dimension,
            "cells": _without_nulls(self.cells),
            "conditions": self.conditions,
            "tiers": _without_nulls(self.tiers),
        }


def read_price(terms: Terms) -> Price:
    """A price from its object. Raises BadTerm, also for a field that the price's model does not have.

    A matrix numbers its cells from 1 in the order of the document, the default last; any other price is cell 0.
    """
    model = terms.required_choice("model", MODELS)
    price = Price(model)
    if model != "matrix":
        _read_cell(terms, price, cell_no=0, is_default=False)
        return price
    price.dimension = terms.text("dimension")
    if terms.has("prices") and terms.has("cells"):
        raise terms.bad("cells", "a matrix has prices or cells, not both")
    if terms.has("prices"):
        if price.dimension is None:
            raise terms.bad("dimension", "missing")
        prices = terms.child("prices")
        for value in prices.names():
            _read_cell(prices.child(value), price, cell_no=len(price.cells) + 1, is_default=False)
            price.conditions.append({"cell_no": len(price.cells), "property": price.dimension, "value": value})
    else:
        _read_cells(terms, price)
    if terms.has("default"):
        _read_cell(terms.child("default"), price, cell_no=len(price.cells) + 1, is_default=True)
    if not price.cells:
        raise terms.bad("prices", "missing")
    terms.refuse_unknown()
    return price


def _read_cells(terms: Terms, price: Price) -> None:
    seen: list[dict[str, str]] = []
    for cell in terms.children("cells"):
        when = cell.child("when")
        conditions = {name: scalar_text(when.raw(name), when.at(name)) for name in when.names()}
        if not conditions:
            raise cell.bad("when", "missing")
        if conditions in seen:
            raise cell.bad("when", "stands twice")
        seen.append(conditions)
        _read_cell(cell.child("price"), price, cell_no=len(price.cells) + 1, is_default=False)
        price.conditions.extend(
            {"cell_no": len(price.cells), "property": name, "value": value} for name, value in conditions.items()
        )


def _read_cell(terms: Terms, price: Price, *, cell_no: int, is_default: bool) -> None:
    model = terms.required_choice("model", [name for name in MODELS if cell_no == 0 or name != "matrix"])
    cell: Row = {"cell_no": cell_no, "is_default": is_default, "model": model} | dict.fromkeys(_CELL_FIELDS)
    if model in _TIERED:
        if model in ("graduated", "volume"):
            cell["per"] = terms.number("per", positive=True)
        if model != "capacity":
            cell["flat_at_zero"] = terms.flag("flat_at_zero")
        _read_tiers(terms, price, model, cell_no)
    elif model == "unit":
        cell["unit_price"] = terms.required_number("unit_price")
        cell["per"] = terms.number("per", positive=True)
    elif model == "flat":
        cell["amount"] = terms.required_number("amount")
    elif model == "package":
        cell["package_size"] = terms.required_number("package_size", positive=True)
        cell["package_price"] = terms.required_number("package_price")
        cell["free_units"] = terms.number("free_units", at_least=0)
        cell["package_rounding"] = terms.choice("package_rounding", ("up", "down"))
    elif model == "percentage":
        cell["rate_percent"] = terms.number("rate_percent")
        for name in ("fixed_per_event", "min_per_event", "max_per_event"):
            cell[name] = terms.number(name)
        for name in ("free_events", "free_amount"):
            cell[name] = terms.number(name, at_least=0)
        if cell["rate_percent"] is None and cell["fixed_per_event"] is None:
            raise terms.bad("rate_percent", "missing")
        if None not in (cell["min_per_event"], cell["max_per_event"]) and (
            cell["min_per_event"] > cell["max_per_event"]
        ):
            raise terms.bad("max_per_event", "below min_per_event")
    elif model == "dynamic":
        cell["multiplier"] = terms.required_number("multiplier")
    terms.refuse_unknown()
    price.cells.append(cell)


def _read_tiers(terms: Terms, price: Price, model: str, cell_no: int) -> None:
    tiers = terms.children("tiers")
    if not tiers:
        raise terms.bad("tiers", "missing")
    lower = Decimal(0)
    for number, tier in enumerate(tiers, start=1):
        row: Row = {"cell_no": cell_no, "tier_no": number} | dict.fromkeys(_TIER_FIELDS)
        if model == "capacity":
            limits = tier.child("limits")
            values = {unit: number_of(limits.raw(unit), limits.at(unit)) for unit in limits.names()}
            row["limits"] = canonical(values)
            row["amount"] = tier.required_number("amount")
        else:
            row["from_quantity"] = lower
            up_to = row["up_to"] = tier.number("up_to")
            if up_to is None and number < len(tiers):
                raise tier.bad("up_to", "missing: only the last tier may be without limit")
            if up_to is not None and (up_to <= lower if number > 1 else up_to < 0):
                raise tier.bad("up_to", "tiers must ascend", "number")
            lower = up_to if up_to is not None else lower
            row["flat_price"] = tier.number("flat_price")
            if model == "graduated_percentage":
                row["rate_percent"] = tier.number("rate_percent")
            else:
                row["unit_price"] = tier.number("unit_price")
                row["per"] = tier.number("per", positive=True)
                row["block_size"] = tier.number("block_size", positive=True)
            if all(row[name] is None for name in ("unit_price", "flat_price", "rate_percent")):
                name = "rate_percent" if model == "graduated_percentage" else "unit_price"
                raise tier.bad(name, "missing")
        tier.refuse_unknown()
        price.tiers.append(row)


def _without_nulls(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
