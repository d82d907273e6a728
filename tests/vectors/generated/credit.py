"""Prepaid money: wallets in order, credits as money."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.vectors.generated.figures import Random, generator, number, rounded, some_rounding, text
from tests.vectors.vector import Json

KINDS = ["charge", "subscription"]


def some_wallets(rng: Random) -> list[Json]:
    return [
        {
            "id": f"w{place}",
            "balance": str(rng.randint(0, 900)),
            "currency": rng.choice(["USD", "USD", "USD", "EUR"]),
            "limited_to": rng.sample(KINDS, rng.randint(0, 2)),
        }
        for place in range(rng.randint(0, 5))
    ]


def pay(wallets: list[Json], owed: list[tuple[str, Fraction]]) -> dict[str, Fraction]:
    left, paid = [due for _, due in owed], {}
    for wallet in wallets:
        if wallet["currency"] == "USD":
            balance = Fraction(wallet["balance"])
            for place, (kind, _) in enumerate(owed):
                if not wallet["limited_to"] or kind in wallet["limited_to"]:
                    part = min(balance, left[place])
                    balance -= part
                    left[place] -= part
            paid[wallet["id"]] = Fraction(wallet["balance"]) - balance
    return paid


@generator
def wallet_allocate(rng: Random) -> dict[str, Any]:
    wallets = some_wallets(rng)
    lines = [
        {
            "kind": rng.choice(["charge", "subscription"]),
            "amount": str(rng.randint(0, 900)),
            "tax": str(rng.randint(0, 90)),
        }
        for _ in range(rng.randint(1, 4))
    ]
    paid = pay(wallets, [(line["kind"], Fraction(line["amount"]) + Fraction(line["tax"])) for line in lines])
    return {
        "inputs": {"wallets": wallets, "lines": lines},
        "expected": {"applied": {name: text(part) for name, part in paid.items()}},
    }


@generator
def credits_to_money(rng: Random) -> dict[str, Any]:
    credits, rate, rounding = number(rng, 5000), number(rng, 3, 4), some_rounding(rng)
    amount = rounded(credits * rate, rounding)
    return {
        "inputs": {"credits": text(credits), "rate": text(rate)}, "rounding": rounding,
        "expected": {"amount": text(amount)},
    }  # fmt: skip
