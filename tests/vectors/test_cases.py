"""The case table against an independent computation: hundreds of generated cases of each op, in one dbt run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.vectors.cases import run
from tests.vectors.cases.shapes import INPUTS, fault
from tests.vectors.compare import difference
from tests.vectors.generated import GENERATORS, generated
from tests.vectors.vector import Failed, Inexpressible, Outcome, Vector

CASES_PER_OP = 200
# No computation of their own: a sum is one addition, and the others are a name for the invoice's or the note's.
NOT_GENERATED = {"sum", "invoice_net", "wallet_after_tax", "credit_note_items"}


@pytest.fixture(scope="module")
def vectors() -> list[Vector]:
    return generated(CASES_PER_OP, seed=5)


@pytest.fixture(scope="module")
def outcomes(vectors: list[Vector]) -> dict[str, Outcome]:
    odd = replace(_vector("round", {"value": "1"}), id="odd", expected={"remainder": "0"})
    no_day = replace(_vector("whole_periods", {"from": "2026-02-30", "to": "2026-04-01", "billing_period": "monthly"}),
                     id="no day", expected={"count": "1"})  # fmt: skip
    return run([*vectors, odd, no_day])


@pytest.mark.dbt
@pytest.mark.parametrize("op", sorted(GENERATORS))
def test_generated_cases_agree(op: str, vectors: list[Vector], outcomes: dict[str, Outcome]) -> None:
    wrong = []
    for vector in vectors:
        outcome = outcomes[vector.id]
        if vector.op == op:
            if isinstance(outcome, Failed | Inexpressible):
                wrong.append(f"{vector.inputs}: {outcome.reason}")
            elif found := difference(vector.expected, outcome):
                wrong.append(
                    f"{found}: {vector.inputs} {vector.period} {vector.price} {vector.usage} {vector.rounding}"
                )
    assert not wrong, f"{len(wrong)} of {CASES_PER_OP}:\n" + "\n".join(wrong[:5])


def test_every_op_is_generated() -> None:
    assert set(GENERATORS) | NOT_GENERATED == set(INPUTS)


def _vector(op: str, inputs: dict[str, object]) -> Vector:
    return Vector(
        id="v", op=op, currency="USD", amount_unit="major", timezone=None, price=None, usage=[], inputs=inputs,
        period=None, expected={"amount": "1"}, rounding=None, tolerance=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("op", "inputs", "reason"),
    [
        ("credit_cap", {"credit": "1", "original_amount_paid": "2", "refund": "1"}, "inputs.refund"),
        ("credit_cap", {"credit": "1"}, "inputs.original_amount_paid is missing"),
        ("prorate", {"amount": "1", "days": "1"}, "period_days"),
        ("coupons", {"base": "1", "coupons": [{"type": "points", "amount": "1"}]}, "inputs.coupons[0].type: points"),
        ("tax", {"lines": [{"amount": "1", "rates_percent": ["5"], "exempt": True}]}, "inputs.lines[0].exempt"),
        ("invoice", {"subtotal": "1"}, "inputs.subtotal"),
        (
            "credit_cap",
            {"credit": "1" + 14 * "0", "original_amount_paid": "1"},
            "beyond what a contract's numbers hold",
        ),
        ("first_period", {"start": "2026-01-01", "billing_day": "32", "billing_period": "monthly"}, "billing_day: 32"),
        ("credit_note_share", {"total": "1"}, "no rule for credit_note_share with inputs total"),
    ],
)
def test_an_input_nobody_understands_is_named(op: str, inputs: dict[str, object], reason: str) -> None:
    assert reason in (fault(_vector(op, inputs)) or "")


def test_rounding_nobody_understands_is_named() -> None:
    vector = _vector("round", {"value": "1"})
    assert fault(replace(vector, rounding={"mode": "half_down", "places": 2, "stage": "total"})) is not None
    assert fault(replace(vector, rounding={"mode": "floor", "places": 2, "stage": "total"})) is None


@pytest.mark.dbt
def test_a_figure_no_rule_gives_is_named_and_spoils_no_other(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["no day"] == Inexpressible("no rule of whole_periods gives a figure called count")
    assert outcomes["odd"] == Inexpressible("no rule of round gives a figure called remainder")
