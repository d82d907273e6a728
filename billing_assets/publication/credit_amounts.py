"""What a credit takes from each line of a document: everything, named lines, or one amount spread over all of them.

Pure. Amounts taken have the sign of their line: a discount, below zero, is taken back below zero. Every function
raises NotCreditable, naming the document, for what cannot be taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from billing_assets.errors import OperatorError
from billing_assets.ledger import RecordedDocument, RecordedLine
from billing_assets.money import EXACT, allocate, exponent, round_amount

Taken = dict[int, Decimal]  # line_no -> amount, of the line's sign

_ZERO = Decimal(0)


class NotCreditable(OperatorError):
    """The document, or a line of it, does not have what is to be credited."""


def everything(document: RecordedDocument) -> Taken:
    """What is left of every line."""
    taken = {item.line.line_no: item.left for item in document.lines if item.left}
    if document.left <= 0:
        raise NotCreditable(f"{document.number} has {document.left:f} {document.currency} left: nothing to credit")
    return taken


def spread(document: RecordedDocument, amount: Decimal) -> Taken:
    """`amount`, above zero, over all lines in proportion to what is left of them, tax lines among them.

    Lines above and below zero are shared out by largest remainder, each side for itself, so that the parts add up to
    the amount and none passes its line.
    """
    _check(document, amount)
    places = _places(document)
    if amount != round_amount(amount, places):
        raise NotCreditable(f"{amount:f} has more than the {places} decimals of {document.number}")
    above = [item for item in document.lines if item.left > 0]
    below = [item for item in document.lines if item.left < 0]
    whole = sum((item.left for item in above), _ZERO)
    share = EXACT.divide(EXACT.multiply(whole, amount), document.left)
    given = round_amount(share, places)
    parts = _shared(above, given, places) | _shared(below, given - amount, places)
    return {line_no: part for line_no, part in sorted(parts.items()) if part}


def of_lines(document: RecordedDocument, amounts: Mapping[int, Decimal]) -> Taken:
    """`amounts` (line -> above zero) of those lines; what belongs to a line follows in proportion unless it is named.

    Discounts, credits and taxes belong to a line. A line taken in full takes all that is left of them.
    """
    lines = {item.line.line_no: item for item in document.lines}
    places = _places(document)
    taken: Taken = {}
    for line_no, amount in amounts.items():
        if line_no not in lines:
            raise NotCreditable(f"{document.number} has no line {line_no}: it has {', '.join(map(str, lines))}")
        item = lines[line_no]
        if amount <= 0 or amount > abs(item.left) or amount != round_amount(amount, places):
            raise NotCreditable(
                f"line {line_no} of {document.number} has {item.left:f} {document.currency} left, in {places} "
                f"decimals: {amount:f} cannot be credited"
            )
        taken[line_no] = amount if item.left > 0 else -amount
    for line_no in list(taken):
        for item in document.lines:
            if item.line.parent_line_no == line_no and item.line.line_no not in amounts and item.left:
                part = EXACT.divide(EXACT.multiply(item.left, taken[line_no]), lines[line_no].left)
                taken[item.line.line_no] = round_amount(part, places)
    taken = {line_no: part for line_no, part in sorted(taken.items()) if part}
    _check(document, sum(taken.values(), _ZERO))
    return taken


def _check(document: RecordedDocument, amount: Decimal) -> None:
    if not _ZERO < amount <= document.left:
        raise NotCreditable(
            f"{document.number} has {document.left:f} {document.currency} left: {amount:f} cannot be credited"
        )


def _shared(items: list[RecordedLine], amount: Decimal, places: int) -> Taken:
    """`amount` (above zero) over the lines, each part with its line's sign."""
    if not items:
        return {}
    parts = allocate(amount, [abs(item.left) for item in items], places)
    return {item.line.line_no: part if item.left > 0 else -part for item, part in zip(items, parts, strict=True)}


def _places(document: RecordedDocument) -> int:
    """Decimals of the document: those of its currency, or more where a line has more."""
    used = [-int(item.line.amount.normalize().as_tuple().exponent) for item in document.lines]
    return max([exponent(document.currency), *used])
