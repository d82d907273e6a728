"""Route *pipeline with cycles*: vectors share bill cycles; what a later cycle bills of an earlier period is the answer.

A first night bills and issues the service period; usage and back-dated terms of it that land before a later night are
late, and that night bills what they change (delta re-rating).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from tests.vectors import case
from tests.vectors.case import Build, Case, Night, total
from tests.vectors.credits import rollover
from tests.vectors.nights import Figures
from tests.vectors.pipeline import priced
from tests.vectors.terms import (
    NotSaid,
    Span,
    Usage,
    aggregation_of,
    charge_of,
    contract,
    meter_of,
    number,
    per_major,
    plain,
    span_of,
    usage_of,
)
from tests.vectors.vector import Json, Vector

# Priced on the whole period's quantity only, so a part of a period bills nothing before the closing one.
_CLOSING_MODELS = {"volume"}


def booked(figures: Figures) -> Decimal:
    """Everything billed so far: documents of the record, and drafts that are due and not of it yet."""
    known = {line["document_id"] for line in figures.issued}
    drafts = [line for line in figures.lines if line["document_id"] not in known]
    return total([*figures.issued, *drafts])


def net_by_run(vector: Vector, figures: Sequence[Figures]) -> list[Decimal]:
    """What each night added to what was billed, in the vector's unit of money."""
    totals = [Decimal(0), *(booked(one) for one in figures)]
    return [(after - before) * per_major(vector) for before, after in pairwise(totals)]


def _open_ended(vector: Vector, contract_id: str, span: Span, charges: list[Json], version: int = 1) -> Json:
    """A contract that goes on after the span, so that a later bill takes what is late; its charges end with it."""
    return contract(vector, contract_id, span, charges, ends_on=None, version=version)


def rate_delta(vector: Vector, contract_id: str) -> Case:
    """Each run is a night; the difference of cumulative quantities is what lands before it, below zero a correction.

    A minimum is due with the final run only: terms from before that run have none.
    """
    span, price = span_of(vector), priced(vector)
    quantities = [number(value) for value in vector.inputs["cumulative_quantities"]]
    final = _final_run(vector, len(quantities))
    nights, before = [], Decimal(0)
    for place, quantity in enumerate(quantities):
        night = Night(usage=_late(price, span, quantity - before, place, len(quantities)))
        if place == 0 or (place == final and price.get("minimum") is not None):
            terms = price if final is not None and place >= final else _without_minimum(price)
            night.documents = [_open_ended(vector, contract_id, span, _charges(vector, terms, span), place + 1)]
        nights.append(night)
        before = quantity
    return Case(contract_id, nights, lambda figures: {"net_by_run": net_by_run(vector, figures)})


def _final_run(vector: Vector, runs: int) -> int | None:
    """Which run is the final one, from 0; none where the vector names none. True is the last."""
    final = vector.inputs.get("final_run")
    if isinstance(final, list):
        return next((place for place, one in enumerate(final) if one), None)
    if final is None or final is False:
        return None
    return runs - 1 if final is True else min(int(final), runs - 1)


def rate_split(vector: Vector, contract_id: str) -> Case:
    """Parts billed before are a first night with the prior quantity; the line asked for is what a second adds.

    A price on the whole period and a fee in arrears are due when the period closes: before that nothing is billed.
    """
    span, price, given = span_of(vector), priced(vector), vector.inputs
    position = given["period_position"]
    prior, quantity = number(given.get("prior_quantity") or 0), number(given.get("quantity") or 0)
    closing = position in ("last", "single")
    in_advance = str(price.get("timing", "")).endswith("advance")
    first_part = position in ("first", "single")
    if price["model"] in _CLOSING_MODELS or (price["model"] == "flat" and not in_advance):
        used = _late(price, span, prior + quantity, 0, 1)
        if not closing:
            span = Span(
                case.business_date(0).replace(day=1), case.business_date(1).replace(day=1), span.zone
            )  # still open that night
            used = [replace(one, moment=span.opens()) for one in used]
        nights = [Night([_open_ended(vector, contract_id, span, _charges(vector, price, span))], used)]
        return Case(contract_id, nights, lambda figures: {"amount": net_by_run(vector, figures)[-1]})
    asked = price if closing else _without_minimum(price)
    if first_part:
        nights = [Night([_open_ended(vector, contract_id, span, _charges(vector, asked, span))],
                        _late(price, span, prior + quantity, 0, 1))]  # fmt: skip
    else:
        before = _without_minimum(price)
        nights = [Night([_open_ended(vector, contract_id, span, _charges(vector, before, span))],
                        _late(price, span, prior, 0, 2)),
                  Night([], _late(price, span, quantity, 1, 2))]  # fmt: skip
        if asked != before:
            nights[1].documents = [_open_ended(vector, contract_id, span, _charges(vector, asked, span), 2)]
    return Case(contract_id, nights, lambda figures: {"amount": net_by_run(vector, figures)[-1]})


def rate_multi(vector: Vector, contract_id: str) -> Case:
    """A charge per unit, told apart by the property `unit`; what was billed before is a first night of its own."""
    span, price = span_of(vector), vector.price or {}
    charges = [
        charge_of(vector, one, span, bounded=True, charge_id=f"charge-{name}", filter={"unit": name})
        for name, one in price["units"].items()
    ]
    usage = usage_of(vector, span)
    billed = vector.inputs.get("already_billed_quantity") or {}
    document = _open_ended(vector, contract_id, span, charges)
    if not billed:
        nights = [Night([document], usage)]
    else:
        # The listed usage is the whole of the period, so what lands late is that less what was billed.
        earlier = [Usage(span.opens(), str(quantity), "usage_sum", {"unit": name}) for name, quantity in billed.items()]
        back = [replace(one, quantity=plain(-number(one.quantity))) for one in earlier]
        nights = [Night([document], earlier), Night([], [*usage, *back])]
    return Case(contract_id, nights, lambda figures: {"amount": net_by_run(vector, figures)[-1]})


def rate_less_billed(vector: Vector, contract_id: str) -> Case:
    """The amount billed before is a first night under terms that came to it; back-dated ones then ask for the rest."""
    span, price = span_of(vector), priced(vector)
    billed = plain(number(vector.inputs["already_billed_amount"]))
    flat = {
        "model": "volume",
        "flat_at_zero": True,
        "tiers": [{"up_to": None, "unit_price": "0", "flat_price": billed}],
    }
    nights = [
        Night([_open_ended(vector, contract_id, span, _charges(vector, flat, span))], usage_of(vector, span)),
        Night([_open_ended(vector, contract_id, span, _charges(vector, price, span), 2)]),
    ]
    return Case(contract_id, nights, lambda figures: {"amount": net_by_run(vector, figures)[-1]})


def _charges(vector: Vector, price: Json, span: Span) -> list[Json]:
    return [charge_of(vector, price, span, bounded=True)]


def _without_minimum(price: Json) -> Json:
    return {name: value for name, value in price.items() if name != "minimum"}


def _late(price: Json, span: Span, quantity: Decimal, place: int, count: int) -> list[Usage]:
    """One event inside the span, or none where nothing changed."""
    if price["model"] == "flat" or quantity == 0:
        return []
    if quantity < 0 and aggregation_of(price) != "sum":
        raise NotSaid("a correction of usage that is not summed")
    return [Usage(span.spread(count)[place], plain(quantity), meter_of(price))]


BUILDERS: dict[str, Build] = {
    "rate_delta": rate_delta,
    "rate_split": rate_split,
    "rate_multi": rate_multi,
    "rate_less_billed": rate_less_billed,
    "rollover": rollover,
}
