"""How a value is written on a page: amounts, dates, shares, words for a status. Pure; nothing is computed.

Belongs here: text for people. Text for machines (CSV) is made in documents/reports.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing_assets.money import exponent, round_amount

_LONG = 96

# The tone of a word: what is well, what waits, what is wrong, and what says nothing either way.
_TONES = {
    "good": {
        "ready", "may issue", "pass", "published", "issued", "settled", "matched", "confirmed", "ties",
        "disbursed", "applied", "passed", "loaded", "agrees", "collected", "low", "current", "in time",
        "locked", "approved", "carried out", "verified", "covered",
    },
    "wait": {
        "medium", "timing", "draft", "partly_applied", "partly_disbursed", "waived", "not_due", "partly disbursed",
        "invoiced", "pending", "resent", "warning", "due today", "1-30", "31-60",
        "soft_closed", "reopened", "waiting", "standing", "planned", "sent", "unknown", "released", "expired",
        "credited", "left", "not compared",
    },
    "bad": {
        "open", "blocked", "fail", "failed", "held", "critical", "high", "break", "closed", "unapplied", "differs",
        "rejected", "dead", "set_aside", "error", "overdue", "over 120", "91-120",
        "does not count", "changed",
    },
}  # fmt: skip


def tone(word: Any) -> str:
    """good, wait, bad or plain: the colour that goes with a status word; the word itself always stands beside it."""
    for name, words in _TONES.items():
        if str(word) in words:
            return name
    return "plain"


def words(value: Any) -> str:
    """A name of the models as people write it: `not_run` is "not run"."""
    return "" if value is None else str(value).replace("_", " ")


def money(value: Decimal | None, currency: str | None) -> str:
    """An amount with thousands, in the places of its currency; the download has it exactly.

    An amount too small for these places keeps its own: nothing that is there is shown as nothing.
    """
    if value is None:
        return ""
    places = _places(currency)
    rounded = round_amount(value, places)
    return _grouped(rounded if rounded or not value else value, places)


def _places(currency: str | None) -> int:
    """The currency's places; of one that we do not know, two."""
    try:
        return exponent(currency or "")
    except KeyError:
        return 2


def number(value: Any) -> str:
    """A count or quantity with thousands, without the padding of its scale."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return _grouped(value, 0)
    return f"{value:,}"


def share(value: Decimal | None) -> str:
    """A fraction of one as a percentage with one place; nothing, where there is no population."""
    return "no data" if value is None else f"{value * 100:.1f} %"


def day(value: Any) -> str:
    """A date as 3 Apr 2026; a time with its minute (UTC)."""
    if isinstance(value, datetime):
        return f"{value.day} {value:%b %Y %H:%M}"
    if isinstance(value, date):
        return f"{value.day} {value:%b %Y}"
    return "" if value is None else str(value)


def month(value: Any) -> str:
    """A period 2026-03 as March 2026; another text as it is."""
    try:
        return date.fromisoformat(f"{value}-01").strftime("%B %Y")
    except ValueError:
        return "" if value is None else str(value)


def pairs(value: Any) -> str:
    """A JSON object as names and values; another text as it is."""
    try:
        found = json.loads(value or "")
    except ValueError:
        return short(value)
    if not isinstance(found, dict):
        return short(value)
    return ", ".join(f"{words(name)} {item}" for name, item in found.items() if item is not None)


def short(value: Any) -> str:
    """The beginning of a long text, marked as cut; the whole one is in the download."""
    text = "" if value is None else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _grouped(value: Decimal, places: int) -> str:
    text = f"{value:,f}"
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(places, "0")
    return f"{whole}.{fraction}" if fraction else whole
