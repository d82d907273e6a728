"""Exact numbers from text: what a decimal may look like when it lands.

Here belongs the one definition of a readable number. Rounding and division belong to `billing_assets.money`.
"""

import re
from decimal import Decimal

# DECIMAL(38,12) everywhere downstream: a 13th decimal would be cut silently, so it is refused here.
MAX_DECIMALS = 12
# 10^15 leaves room for sums of 10^11 rows and for products in DECIMAL(38,12), and is above any real meter reading.
LIMIT = Decimal(10) ** 15
# Beyond this an exponent can only spell a number out of range (or a zero nobody writes so).
MAX_EXPONENT = 30
# A number in range needs at most 29 characters; the rest is room for zeros. Guards against megabyte "numbers".
MAX_CHARACTERS = 100

NUMBER_PATTERN = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
_NUMBER = re.compile(NUMBER_PATTERN)
_UNIT = Decimal(1)
_SMALLEST = Decimal(1).scaleb(-MAX_DECIMALS)


def parse_decimal(text: str) -> Decimal | str:  # noqa: PLR0911  (one return a reason)
    """The exact value of a number text (with 0 to 12 decimals), or the reason why it is refused."""
    if not text.strip():
        return "blank where a number is expected"
    if len(text) > MAX_CHARACTERS:
        return f"a number of more than {MAX_CHARACTERS} characters"
    if not _NUMBER.fullmatch(text):
        return f"'{text}' is not a decimal number"
    _, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > MAX_EXPONENT:
        return f"{text} is out of range: its exponent is beyond {MAX_EXPONENT}"
    value = Decimal(text)
    if abs(value) >= LIMIT:
        return f"{text} is out of range: its size is 10^15 or more"
    if value == 0:
        return Decimal(0)
    _, digits, power = value.as_tuple()
    assert isinstance(power, int)  # noqa: S101  (the pattern admits no NaN and no infinity)
    trailing_zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    if -(power + trailing_zeros) > MAX_DECIMALS:
        return f"{text} has more than {MAX_DECIMALS} decimals"
    # Within 15 + 12 digits, so neither step can round.
    if power > 0:
        return value.quantize(_UNIT)
    return value.quantize(_SMALLEST) if power < -MAX_DECIMALS else value


def plain(value: Decimal) -> str:
    """The one text of a value: no exponent, no trailing zeros, no negative zero ('1.5', '0', '-20')."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
