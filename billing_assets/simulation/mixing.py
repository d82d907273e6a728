"""One small integer mixer, in Python and in SQL: the only source of chance in the simulator.

`random` and DuckDB's `hash()` may change between versions; a mixer of our own gives the same world in Python
rows and in set-based SQL, on every machine. It is a shuffle, not cryptography.
"""

from __future__ import annotations

MASK = 0xFFFFFFFF
# Odd constants of the well-known murmur3 finaliser; 32 bits, so that a product fits DuckDB's UBIGINT.
FIRST = 0x85EBCA6B
SECOND = 0xC2B2AE35
# The golden-ratio step keeps consecutive numbers and salts apart before mixing.
STEP = 0x9E3779B1


def mix(number: int, salt: int) -> int:
    """A 32-bit value that looks random but depends only on `number` and `salt` (non-negative integers)."""
    x = (number % (MASK + 1) * STEP + salt * FIRST) & MASK
    x ^= x >> 16
    x = (x * FIRST) & MASK
    x ^= x >> 13
    x = (x * SECOND) & MASK
    return x ^ (x >> 16)


def mixed_select(source: str, number: str, salts: dict[str, int]) -> str:
    """SQL that adds to the rows of query `source` a column per name of `salts` with `mix(number, salt)`.

    One nested query per step of the mixer: written as one expression it would double with every step.
    """
    modulus = MASK + 1
    mixed = {
        name: f"(({number})::ubigint % {modulus} * {STEP}::ubigint % {modulus}"
        f" + {salt * FIRST & MASK}::ubigint) & {MASK}::ubigint"
        for name, salt in salts.items()
    }
    first = ", ".join(f"{expression} as {name}" for name, expression in mixed.items())
    query = f"select *, {first} from ({source})"
    for step in (
        f"(xor({{0}}, {{0}} >> 16) * {FIRST}::ubigint) & {MASK}::ubigint",
        f"(xor({{0}}, {{0}} >> 13) * {SECOND}::ubigint) & {MASK}::ubigint",
        "xor({0}, {0} >> 16)",
    ):
        columns = ", ".join(f"{step.format(name)} as {name}" for name in salts)
        query = f"select * replace ({columns}) from ({query})"
    return query
