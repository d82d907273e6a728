"""Whole invoices: coupons, spread, tax, wallets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.vectors.generated.credit import pay, some_wallets
from tests.vectors.generated.discounts import in_sequence, some_coupons, tax_by_stage
from tests.vectors.generated.figures import Random, generator, number, spread, text


@generator
def invoice(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 2, "stage": rng.choice(["rate", "line", "total"])}
    lines = [
        (
            number(rng, 900),
            [text(number(rng, 25, 1) + 1)] if rng.random() < 0.8 else [],
            rng.choice(["charge", "usage"]),
        )
        for _ in range(rng.randint(1, 4))
    ]
    subtotal = sum((amount for amount, _, _ in lines), Fraction())
    given = some_coupons(rng)
    discount = in_sequence(subtotal, given, "listed", rounding)
    shares = spread(discount, [amount for amount, _, _ in lines], 2)
    taxable = [(amount - share, rates, False) for (amount, rates, _), share in zip(lines, shares, strict=True)]
    by_line, _ = tax_by_stage(taxable, rounding)
    total = subtotal - discount + sum(by_line, Fraction())
    wallets = [wallet | {"limited_to": []} for wallet in some_wallets(rng)]
    owed = [("", amount + due) for (amount, _, _), due in zip(taxable, by_line, strict=True)]
    paid = sum(pay(wallets, owed).values(), Fraction())
    inputs = {
        "lines": [{"amount": text(a), "rates_percent": rates, "kind": kind} for a, rates, kind in lines],
        "coupons": given,
        "wallets": wallets,
    }
    expected = {
        "subtotal": subtotal, "discount": discount, "tax": sum(by_line, Fraction()), "total": total,
        "amount_due": total - paid,
    }  # fmt: skip
    return {"inputs": inputs, "rounding": rounding, "expected": {name: text(x) for name, x in expected.items()}}
