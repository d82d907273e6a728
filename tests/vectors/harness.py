"""Vectors through their routes: each op has one route, each route takes all its vectors at once.

*pipeline*: landed files to drafts in one run. *pipeline with cycles*: all vectors share each bill cycle. *case table*:
the pricing macros over a table of cases, for ops that are the arithmetic of one rule.
"""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from tests.vectors.compare import difference
from tests.vectors.vector import Failed, Inexpressible, Outcome, Vector

PIPELINE, CYCLES, CASES = "pipeline", "pipeline with cycles", "case table"
Route = Callable[[list[Vector]], dict[str, Outcome]]
# The first cycle is the run of the pipeline route, so both share one landing zone.
MODULES = {"tests.vectors.billed": (PIPELINE, CYCLES), "tests.vectors.cases": (CASES,)}

ROUTE_OF = {
    **dict.fromkeys(
        ("rate", "rate_less_credits", "rate_groups", "rate_buckets", "aggregate", "window_commitment",
         "grant_burndown"),
        PIPELINE,
    ),
    **dict.fromkeys(("rate_delta", "rate_split", "rate_multi", "rate_less_billed", "rollover"), CYCLES),
    **dict.fromkeys(
        ("prorate", "prorate_seconds", "days_ratio", "days_between", "sum_fractions", "billing_cycles",
         "next_billing_date", "month_starts", "advance_days", "whole_periods", "first_period", "plan_change",
         "component_change", "credit_cap", "sum", "true_up", "coupons", "discount_distribute", "usage_discount", "tax",
         "invoice", "invoice_net", "wallet_allocate", "wallet_after_tax", "credits_to_money", "credit_note",
         "credit_note_items", "credit_note_share", "credit_note_split", "round", "sum_rounded", "to_minor",
         "prorated_graduated", "prorated_seats"),
        CASES,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What became of one vector."""

    id: str
    op: str
    route: str
    status: str  # pass, fail, inexpressible
    expected: dict[str, Any]
    actual: dict[str, Any] | None
    reason: str | None


def run(vectors: Iterable[Vector], ops: Collection[str] = ()) -> list[Result]:
    """Every vector's result, by id; only those of `ops` where some are named.

    A route that breaks down fails its own vectors and no others.
    """
    chosen = [vector for vector in vectors if not ops or vector.op in ops]
    outcomes: dict[str, Outcome] = {vector.id: Failed(vector.fault) for vector in chosen if vector.fault}
    for module, routes in MODULES.items():
        own = [vector for vector in chosen if not vector.fault and ROUTE_OF.get(vector.op) in routes]
        if own:
            outcomes |= _through(_route(module), own)
    unknown = Failed("no route computes this op")
    return sorted((_result(vector, outcomes.get(vector.id, unknown)) for vector in chosen), key=lambda r: r.id)


def _route(module: str) -> Route:
    def missing(vectors: list[Vector]) -> dict[str, Outcome]:
        return {vector.id: Failed(f"there is no {module}") for vector in vectors}

    if importlib.util.find_spec(module) is None:
        return missing
    route: Route = importlib.import_module(module).run
    return route


def _through(route: Route, vectors: list[Vector]) -> dict[str, Outcome]:
    try:
        found = route(vectors)
    except Exception as error:  # whatever it was, the other routes' vectors are still to be judged
        traceback.print_exc()
        return {vector.id: Failed(f"the route broke down: {error!r}") for vector in vectors}
    lost = Failed("the route returned nothing for it")
    return {vector.id: found.get(vector.id, lost) for vector in vectors}


def _result(vector: Vector, outcome: Outcome) -> Result:
    route = ROUTE_OF.get(vector.op, "none")
    if isinstance(outcome, Inexpressible | Failed):
        status = "inexpressible" if isinstance(outcome, Inexpressible) else "fail"
        return Result(vector.id, vector.op, route, status, vector.expected, None, outcome.reason)
    wrong = difference(vector.expected, outcome, vector.tolerance)
    status = "fail" if wrong else "pass"
    return Result(vector.id, vector.op, route, status, vector.expected, outcome, wrong)
