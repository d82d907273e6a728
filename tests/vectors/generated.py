"""Generated vectors of the case table's ops, each with the figures an independent computation gives.

Fractions and datetime only: nothing here knows the macros. A generator takes a random source and returns a Vector whose
`expected` it worked out itself.
"""

from __future__ import annotations

import random
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.vectors.vector import Json, Vector

ZONES = ("UTC", "Asia/Kolkata", "America/Los_Angeles", "Australia/Sydney", "Europe/Berlin", "America/St_Johns")
MONTHS = {"monthly": 1, "quarterly": 3, "semiannual": 6, "half_yearly": 6, "annual": 12}
Random = random.Random
GENERATORS: dict[str, Callable[[Random], dict[str, Any]]] = {}


def generated(count: int, seed: int) -> list[Vector]:
    """`count` vectors of each op, the same for the same seed."""
    return [vector for op in GENERATORS for vector in _of(op, count, random.Random(f"{seed}/{op}"))]


def _of(op: str, count: int, rng: Random) -> Iterator[Vector]:
    for number in range(count):
        blank: dict[str, Any] = {
            "currency": "USD", "amount_unit": "major", "timezone": None, "price": None, "usage": [], "period": None,
            "rounding": None, "tolerance": None,
        }  # fmt: skip
        yield Vector(id=f"{op}/{number}", op=op, **blank | GENERATORS[op](rng))


def generator(make: Callable[[Random], dict[str, Any]]) -> Callable[[Random], dict[str, Any]]:
    GENERATORS[make.__name__] = make
    return make


def rounded(value: Fraction, rounding: Json | None) -> Fraction:
    """To the places and mode of a vector; half up is away from zero."""
    places, mode = (int(rounding["places"]), rounding["mode"]) if rounding else (12, "half_up")
    scaled = value * Fraction(10) ** places
    whole = scaled.numerator // scaled.denominator
    if mode == "ceil":
        whole = -((-scaled.numerator) // scaled.denominator)
    elif mode == "half_up":
        magnitude = abs(scaled)
        whole = (2 * magnitude.numerator + magnitude.denominator) // (2 * magnitude.denominator)
        whole = -whole if scaled < 0 else whole
    return Fraction(whole) / Fraction(10) ** places


def text(value: Fraction | int) -> str:
    """As a decimal, exact: every figure here ends."""
    fraction = Fraction(value)
    number = (Decimal(fraction.numerator) * 10**15 / Decimal(fraction.denominator)).to_integral_value() / 10**15
    assert Fraction(number) == fraction, value
    return format(number, "f")


def number(rng: Random, most: int, places: int = 2) -> Fraction:
    return Fraction(rng.randint(0, most * 10**places), 10**places)


def some_rounding(rng: Random, stage: str = "total") -> Json:
    return {"mode": rng.choice(["half_up", "half_up", "ceil", "floor"]), "places": rng.randint(0, 4), "stage": stage}


def some_day(rng: Random) -> date:
    return date(2019, 1, 1) + timedelta(days=rng.randrange(3000))


def on_day(year: int, month: int, day: int) -> date:
    """That day of a month counted from year 0, or the month's last."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(day, monthrange(year, month)[1]))


@generator
def prorate(rng: Random) -> dict[str, Any]:
    amount, rounding, start = number(rng, 90000), some_rounding(rng), some_day(rng)
    full = rng.choice([7, 28, 31, 91, 366])
    first, last = sorted(rng.sample(range(full + 1), 2))
    trial = rng.choice([0, 0, 3, 40])
    inputs: Json = {
        "amount": text(amount),
        "charged": {"from": str(start + timedelta(first)), "to": str(start + timedelta(last))},
        "full_period": {"from": str(start), "to": str(start + timedelta(full))},
    }
    if trial:
        inputs["trial_days"] = str(trial)
    if rng.random() < 0.3:
        trial, inputs = 0, {"amount": text(amount), "days": str(last - first), "period_days": str(full)}
    share = Fraction(max(last - first - trial, 0), full)
    return {"inputs": inputs, "rounding": rounding, "expected": {"amount": text(rounded(amount * share, rounding))}}


@generator
def prorate_seconds(rng: Random) -> dict[str, Any]:
    start = datetime.combine(some_day(rng), time(rng.randrange(24)), UTC)
    full, passed = rng.randint(3600, 40_000_000), rng.randint(-90000, 41_000_000)
    amount, rounding = number(rng, 1000), {"mode": "half_up", "places": 8, "stage": "total"}
    left = min(max(full - passed, 0), full)
    return {
        "inputs": {"amount": text(amount), "at": zulu(start + timedelta(seconds=passed))},
        "period": {"from": zulu(start), "to": zulu(start + timedelta(seconds=full))},
        "rounding": rounding,
        "expected": {"amount": text(rounded(amount * left / full, rounding))},
    }


def zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@generator
def days_between(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randrange(200))
    if rng.random() < 0.4:
        fixed = rng.choice([28, 30, 31])
        days = (end.year * 12 + end.month - start.year * 12 - start.month) * fixed + end.day - start.day
        inputs = {"from": str(start), "to": str(end), "fixed_days_in_month": str(fixed)}
        return {"inputs": inputs, "expected": {"days": str(days)}}
    zone = rng.choice(ZONES)
    one = datetime.combine(start, time(rng.randrange(24), rng.randrange(60)), UTC)
    other = datetime.combine(end, time(rng.randrange(24), rng.randrange(60)), UTC)
    days = (other.astimezone(ZoneInfo(zone)).date() - one.astimezone(ZoneInfo(zone)).date()).days
    return {
        "inputs": {"from": zulu(one), "to": zulu(other)}, "timezone": zone, "expected": {"days": str(days)},
    }  # fmt: skip


@generator
def days_ratio(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randint(28, 93))
    at = start + timedelta(rng.randrange((end - start).days))
    rounding = {"mode": "half_up", "places": 9, "stage": "total"}
    ratio = Fraction((end - at).days, (end - start).days)
    return {
        "inputs": {"from": str(at), "to": str(end)},
        "period": {"from": str(start), "to": str(end)},
        "rounding": rounding,
        "expected": {"coefficient": text(rounded(ratio, rounding))},
    }


@generator
def sum_fractions(rng: Random) -> dict[str, Any]:
    rounding = some_rounding(rng, rng.choice(["line", "total"]))
    parts = [(number(rng, 300) - 50, rng.randint(0, 31), rng.randint(28, 31)) for _ in range(rng.randint(1, 5))]
    exact = [amount * days / full for amount, days, full in parts]
    per_line = rounding["stage"] == "line"
    amount = sum((rounded(x, rounding) for x in exact), Fraction()) if per_line else rounded(sum(exact), rounding)
    items = [{"amount": text(a), "days": str(d), "period_days": str(f)} for a, d, f in parts]
    return {"inputs": {"items": items}, "rounding": rounding, "expected": {"amount": text(amount)}}


@generator
def billing_cycles(rng: Random) -> dict[str, Any]:
    start, day, period = some_day(rng), rng.randint(1, 31), rng.choice(sorted(MONTHS))
    end = start + timedelta(rng.randint(1, 1000))
    target = start + timedelta(rng.randrange(1100))
    step = MONTHS[period]
    rounding = {"mode": "half_up", "places": 9, "stage": "each_fraction"}
    month = start.month if on_day(start.year, start.month, day) >= start else start.month + 1
    cycles = Fraction()
    for place in range(-1, 60):
        full_from = on_day(start.year - 2, month + place * step + 24, day)
        full_to = on_day(start.year - 2, month + (place + 1) * step + 24, day)
        lived_from, lived_to = max(full_from, start), min(full_to, end)
        if lived_from < lived_to and lived_from <= target:
            cycles += rounded(Fraction((lived_to - lived_from).days, (full_to - full_from).days), rounding)
    inputs = {
        "start": str(start), "end": str(end), "target": str(target), "billing_day": str(day), "billing_period": period,
    }  # fmt: skip
    return {"inputs": inputs, "rounding": rounding, "expected": {"cycles": text(cycles)}}


@generator
def next_billing_date(rng: Random) -> dict[str, Any]:
    period = rng.choice(["daily", "weekly", *sorted(MONTHS)])
    every = rng.randint(1, 4)
    anchor = datetime.combine(some_day(rng), time(rng.randrange(24), rng.randrange(60), rng.randrange(60)))
    start = datetime.combine(some_day(rng), rng.choice([anchor.time(), time(), time(23, 59)]))
    if rng.random() < 0.4:
        start = anchor
    day = start.date()
    if period == "daily":
        ends = day + timedelta(every)
    elif period == "weekly":
        # walk: the first day after the start that has the anchor's weekday, then the rest of the weeks
        ends = day + timedelta(1)
        while ends.weekday() != anchor.weekday():
            ends += timedelta(1)
        ends += timedelta(weeks=every - 1)
    elif period == "annual":
        ends = on_day(day.year + every, anchor.month, anchor.day)
    elif period != "monthly" and day < anchor.date():
        ends = anchor.date()
    else:
        own = on_day(day.year, day.month, anchor.day)
        ends = on_day(day.year, day.month + every * MONTHS[period], anchor.day)
        ends = own if period == "monthly" and day < own else ends
    expected = datetime.combine(ends, anchor.time())
    inputs = {
        "current_period_start": start.isoformat(), "anchor": anchor.isoformat(), "every": str(every),
        "billing_period": period,
    }  # fmt: skip
    if rng.random() < 0.3:
        cut = start + timedelta(hours=rng.randint(1, 5000))
        inputs["subscription_end"] = cut.isoformat()
        expected = min(expected, cut)
    return {"inputs": inputs, "timezone": rng.choice(ZONES), "expected": {"next": expected.isoformat()}}


@generator
def month_starts(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randint(1, 200))
    day = rng.choice([None, rng.randint(1, 31), 31])
    starts = [on_day(start.year - 1, start.month + n, day or start.day) for n in range(10, 24)]
    dates = [str(at) for at, to in zip(starts, starts[1:], strict=False) if at < end and to > start]
    inputs = {"from": str(start), "to": str(end)} | ({"anchor_day": str(day)} if day else {})
    return {"inputs": inputs, "expected": {"dates": dates}}


@generator
def advance_days(rng: Random) -> dict[str, Any]:
    start, step, count = some_day(rng), rng.randint(1, 31), rng.randint(1, 9)
    dates = [str(start + timedelta(step * n)) for n in range(1, count + 1)]
    return {
        "inputs": {"from": str(start), "step_days": str(step), "count": str(count)}, "expected": {"dates": dates},
    }  # fmt: skip


@generator
def whole_periods(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    end = start + timedelta(rng.randrange(900))
    period = rng.choice(["daily", "weekly", *sorted(MONTHS)])
    count = 0
    if period in MONTHS:
        while on_day(start.year, start.month + (count + 1) * MONTHS[period], start.day) <= end:
            count += 1
    else:
        count = (end - start).days // (7 if period == "weekly" else 1)
    inputs = {"from": str(start), "to": str(end), "billing_period": period}
    return {"inputs": inputs, "expected": {"count": str(count)}}


@generator
def first_period(rng: Random) -> dict[str, Any]:
    start, day, period = some_day(rng), rng.randint(1, 31), rng.choice(sorted(MONTHS))
    last = start
    while last != on_day(last.year, last.month, day):
        last -= timedelta(1)
    end = on_day(last.year, last.month + MONTHS[period], day)
    return {
        "inputs": {"start": str(start), "billing_day": str(day), "billing_period": period},
        "expected": {"from": str(start), "to": str(end)},
    }


def _change(rng: Random) -> tuple[Json, str, Fraction]:
    start = some_day(rng)
    full = rng.choice([28, 30, 31, 92, 365])
    passed = rng.randrange(full)
    period = {"from": str(start), "to": str(start + timedelta(full))}
    return period, str(start + timedelta(passed)), Fraction(full - passed, full)


@generator
def plan_change(rng: Random) -> dict[str, Any]:
    period, at, left = _change(rng)
    rounding = {"mode": "half_up", "places": 2, "stage": "line"}
    inputs: Json = {"change_date": at}
    credit = charge = Fraction()
    if rng.random() < 0.8:
        quantity, price = rng.randint(1, 20), number(rng, 99)
        inputs["old"] = {"quantity": str(quantity), "unit_price": text(price)}
        credit = rounded(quantity * price * left, rounding)
        if rng.random() < 0.4:
            paid, before = number(rng, 500), number(rng, 300)
            inputs |= {"original_amount_paid": text(paid), "previous_credits": text(before)}
            credit = max(min(credit, paid - before), Fraction())
    if rng.random() < 0.8:
        quantity, price = rng.randint(1, 20), number(rng, 99)
        inputs["new"] = {"quantity": str(quantity), "unit_price": text(price)}
        charge = rounded(quantity * price * left, rounding)
    expected = {"credit": text(-credit), "charge": text(charge), "net": text(charge - credit)}
    return {"inputs": inputs, "period": period, "rounding": rounding, "expected": expected}


@generator
def component_change(rng: Random) -> dict[str, Any]:
    period, at, left = _change(rng)
    rounding = {"mode": "half_up", "places": 0, "stage": "line"}
    components, lines = [], []
    for _ in range(rng.randint(1, 4)):
        old, new = (rng.choice([None, rng.randint(0, 90000)]) for _ in range(2))
        components.append({"kind": "rate", "old": None if old is None else str(old), "new": new and str(new)})
        if old is not None:
            lines.append(-rounded(old * left, rounding))
        if components[-1]["new"] is not None:
            lines.append(rounded((new or 0) * left, rounding))
    return {
        "inputs": {"change_date": at, "components": components},
        "period": period,
        "rounding": rounding,
        "expected": {"lines": [text(line) for line in lines], "net": text(sum(lines, Fraction()))},
    }


@generator
def credit_cap(rng: Random) -> dict[str, Any]:
    credit, paid, before = (number(rng, 300) for _ in range(3))
    amount = max(Fraction(), min(credit, paid - before))
    inputs = {"credit": text(credit), "original_amount_paid": text(paid), "previous_credits": text(before)}
    return {"inputs": inputs, "expected": {"amount": text(amount)}}


@generator
def true_up(rng: Random) -> dict[str, Any]:
    rounding = some_rounding(rng)
    minimum = number(rng, 2000)
    fees = [number(rng, 900, 3) for _ in range(rng.randint(0, 4))]
    inputs: Json = {"minimum": text(minimum), "fees": [text(fee) for fee in fees]}
    if rng.random() < 0.5:
        days, full = rng.randint(1, 31), 31
        inputs["proration"] = {"days": str(days), "period_days": str(full)}
        minimum = minimum * days / full
    if rng.random() < 0.5:
        inputs["round_fees_first"] = True
        fees = [rounded(fee, rounding) for fee in fees]
    amount = max(rounded(minimum, rounding) - sum(fees, Fraction()), Fraction())
    return {"inputs": inputs, "rounding": rounding, "expected": {"amount": text(rounded(amount, rounding))}}


def _coupons(rng: Random) -> list[Json]:
    kinds = rng.choices(["fixed", "percent"], k=rng.randint(0, 4))
    return [
        {"type": "fixed", "amount": text(number(rng, 60)), "currency": rng.choice(["USD", "USD", "EUR"])}
        if kind == "fixed"
        else {"type": "percent", "rate_percent": text(number(rng, 60))}
        for kind in kinds
    ]


def _discount(base: Fraction, given: list[Json], order: str, rounding: Json) -> Fraction:
    first = {"percent_first": "percent", "fixed_first": "fixed"}.get(order)
    left = base
    for coupon in sorted(given, key=lambda coupon: coupon["type"] != first) if first else given:
        if coupon["type"] == "percent":
            left -= rounded(left * Fraction(coupon["rate_percent"]) / 100, rounding)
        elif coupon["currency"] == "USD":
            left -= min(rounded(Fraction(coupon["amount"]), rounding), left)
    return base - left


@generator
def coupons(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 2, "stage": "total"}
    base, given = number(rng, 300), _coupons(rng)
    order = rng.choice(["listed", "percent_first", "fixed_first"])
    discount = _discount(base, given, order, rounding)
    return {
        "inputs": {"base": text(base), "coupons": given, "order": order},
        "rounding": rounding,
        "expected": {"discount": text(discount), "remaining": text(base - discount)},
    }


def _spread(total: Fraction, weights: list[Fraction], places: int) -> list[Fraction]:
    """Largest remainder, ties to the first."""
    unit = Fraction(1, 10**places)
    whole = sum(weights, Fraction())
    exact = [total * weight / whole if whole else Fraction() for weight in weights]
    parts = [share // unit * unit for share in exact]
    ranked = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in ranked[: int((total - sum(parts, Fraction())) / unit)]:
        parts[place] += unit
    return parts


@generator
def discount_distribute(rng: Random) -> dict[str, Any]:
    lines = [Fraction(rng.randint(0, 5000)) for _ in range(rng.randint(1, 5))]
    lines[0] += 1
    discount = Fraction(rng.randint(0, 6000))
    taken = min(discount, sum(lines, Fraction()))
    method = rng.choice(["largest_remainder", "proportional_exact"])
    rounding = {"mode": "half_up", "places": 4, "stage": "line"} if method == "proportional_exact" else None
    if rounding:
        shares = [rounded(taken * line / sum(lines), rounding) for line in lines]
    else:
        shares = _spread(taken, lines, 0)
    return {
        "inputs": {"lines": [text(line) for line in lines], "discount": text(discount), "method": method},
        "amount_unit": "minor",
        "rounding": rounding,
        "expected": {"lines": [text(line - share) for line, share in zip(lines, shares, strict=True)]},
    }


@generator
def usage_discount(rng: Random) -> dict[str, Any]:
    free, prior, quantity = (number(rng, 30) for _ in range(3))
    billable = quantity - min(quantity, max(free - prior, Fraction()))
    inputs = {"free_quantity": text(free), "prior_quantity": text(prior), "quantity": text(quantity)}
    return {"inputs": inputs, "expected": {"billable": text(billable)}}


def _taxes(lines: list[tuple[Fraction, list[str], bool]], rounding: Json) -> tuple[list[Fraction], dict[str, Fraction]]:
    """Tax of each line and of each rate; what is rounded together keeps its sum, the rest by largest remainder."""
    exact: dict[tuple[int, str], Fraction] = {}
    for place, (amount, rates, inclusive) in enumerate(lines):
        gross = 100 + (sum(Fraction(rate) for rate in rates) if inclusive else 0)
        for rate in rates:
            exact[place, rate] = amount * Fraction(rate) / gross
    pots: dict[object, list[tuple[int, str]]] = {}
    for place, rate in exact:
        pot = {"rate": (place, rate), "line": place, "by_tax": rate, "total": None}[rounding["stage"]]
        pots.setdefault(pot, []).append((place, rate))
    unit = Fraction(1, 10 ** rounding["places"])
    by_line, by_rate = [Fraction()] * len(lines), dict.fromkeys((rate for _, rate in exact), Fraction())
    for members in pots.values():
        members.sort()
        parts = {key: exact[key] // unit * unit for key in members}
        left = int((rounded(sum((exact[key] for key in members), Fraction()), rounding) - sum(parts.values())) / unit)
        for key in sorted(members, key=lambda key: (parts[key] - exact[key], key))[:left]:
            parts[key] += unit
        for (place, rate), part in parts.items():
            by_line[place] += part
            by_rate[rate] += part
    return by_line, by_rate


@generator
def tax(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 2, "stage": rng.choice(["rate", "line", "by_tax", "total"])}
    lines = []
    for _ in range(rng.randint(1, 4)):
        rates = sorted({text(number(rng, 25, 1) + 1) for _ in range(rng.randint(0, 3))})
        lines.append((number(rng, 900), rates, rng.random() < 0.25))
    repeat = rng.choice([1, 1, 3])
    by_line, by_rate = _taxes(lines * repeat, rounding)
    total = sum((amount for amount, _, _ in lines * repeat), Fraction())
    added = sum((due for due, (_, _, inside) in zip(by_line, lines * repeat, strict=True) if not inside), Fraction())
    stated = [{"amount": text(amount), "rates_percent": rates, "inclusive": inside} for amount, rates, inside in lines]
    expected = {
        "tax": text(sum(by_line, Fraction())),
        "by_line": [text(due) for due in by_line],
        "by_tax": {rate: text(due) for rate, due in by_rate.items() if due},
        "total": text(total + added),
    }
    return {"inputs": {"lines": stated, "repeat": str(repeat)}, "rounding": rounding, "expected": expected}


def _wallets(rng: Random) -> list[Json]:
    return [
        {
            "id": f"w{place}",
            "balance": str(rng.randint(0, 900)),
            "currency": rng.choice(["USD", "USD", "USD", "EUR"]),
            "limited_to": rng.sample(["charge", "subscription"], rng.randint(0, 2)),
        }
        for place in range(rng.randint(0, 5))
    ]


def _pay(wallets: list[Json], owed: list[tuple[str, Fraction]]) -> dict[str, Fraction]:
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
    wallets = _wallets(rng)
    lines = [
        {"kind": rng.choice(["charge", "subscription"]), "amount": str(rng.randint(0, 900)), "tax": str(rng.randint(0, 90))}
        for _ in range(rng.randint(1, 4))
    ]
    paid = _pay(wallets, [(line["kind"], Fraction(line["amount"]) + Fraction(line["tax"])) for line in lines])
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


@generator
def credit_note(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 0, "stage": "total"}
    amount, days, full, rate = rng.randint(0, 90000), rng.randint(0, 31), 31, number(rng, 30, 1)
    item = rounded(Fraction(amount * days, full), rounding)
    due = rounded(item * rate / 100, rounding)
    return {
        "inputs": {
            "item": {"amount": str(amount), "days": str(days), "period_days": str(full)}, "tax_rate_percent": text(rate),
        },
        "rounding": rounding,
        "expected": {"item": text(item), "tax": text(due), "total": text(item + due)},
    }  # fmt: skip


@generator
def sum_rounded(rng: Random) -> dict[str, Any]:
    rounding = some_rounding(rng, rng.choice(["line", "total"]))
    values = [number(rng, 9, 6) for _ in range(rng.randint(1, 4))] * (repeat := rng.randint(1, 20))
    per_line = rounding["stage"] == "line"
    amount = sum((rounded(x, rounding) for x in values), Fraction()) if per_line else rounded(sum(values), rounding)
    stated = [text(value) for value in values[: len(values) // repeat]]
    return {
        "inputs": {"values": stated, "repeat": str(repeat)}, "rounding": rounding, "expected": {"amount": text(amount)},
    }  # fmt: skip


@generator
def round(rng: Random) -> dict[str, Any]:
    value = number(rng, 9999, 6) - 5000
    rounding = {"mode": rng.choice(["half_up", "ceil", "floor"]), "places": rng.randint(-2, 6), "stage": "total"}
    return {
        "inputs": {"value": text(value)}, "rounding": rounding, "expected": {"amount": text(rounded(value, rounding))},
    }  # fmt: skip


@generator
def to_minor(rng: Random) -> dict[str, Any]:
    value, (currency, digits) = number(rng, 999, 5), rng.choice([("USD", 2), ("JPY", 0), ("KWD", 3)])
    amount = rounded(value, {"mode": "half_up", "places": digits}) * 10**digits
    return {"inputs": {"value": text(value)}, "currency": currency, "expected": {"amount": text(amount)}}


@generator
def prorated_graduated(rng: Random) -> dict[str, Any]:
    bounds = sorted(rng.sample(range(1, 30), rng.randint(0, 3)))
    tiers = [(bound, number(rng, 20), number(rng, 90)) for bound in [*bounds, None]]
    # In whole units, so that each unit of a move can be walked through the tiers one by one.
    running, highest, amount = 0, 0, Fraction()
    usage = []
    for _ in range(rng.randint(0, 5)):
        step = rng.choice([n for n in range(-15, 30) if n])
        prorated = Fraction(step * rng.randint(1, 8), 8)
        usage.append(
            {"timestamp": None, "quantity": str(step), "properties": {"prorated_quantity": text(prorated)}}
        )  # fmt: skip
        for _ in range(abs(step)):
            unit = running + 1 if step > 0 else running
            price = next(price for bound, price, _ in tiers if bound is None or unit <= bound)
            amount += prorated / abs(step) * price
            running += 1 if step > 0 else -1
        highest = max(highest, running)
    below = 0
    for place, (bound, _, flat) in enumerate(tiers):
        amount += flat if place == 0 or highest > below else 0
        below = bound or below
    rounding = {"mode": "half_up", "places": 2, "stage": "total"}
    price = {
        "model": "graduated",
        "prorated": True,
        "flat_at_zero": True,
        "tiers": [
            {"up_to": None if bound is None else str(bound), "unit_price": text(price), "flat_price": text(flat)}
            for bound, price, flat in tiers
        ],
    }
    expected = {"amount": text(rounded(max(amount, Fraction()), rounding))}
    return {"inputs": {}, "price": price, "usage": usage, "rounding": rounding, "expected": expected}


@generator
def prorated_seats(rng: Random) -> dict[str, Any]:
    start = some_day(rng)
    full = rng.choice([28, 31, 365])
    billed = rng.randint(1, full)
    window = (start, start + timedelta(billed))
    days, usage = 0, []
    for _ in range(rng.randint(0, 6)):
        begins = rng.choice([None, start + timedelta(rng.randint(-5, full))])
        until = rng.choice([None, (begins or start) + timedelta(rng.randrange(40))])
        active = {
            window[0] + timedelta(n)
            for n in range(billed)
            if (begins is None or window[0] + timedelta(n) >= begins)
            and (until is None or window[0] + timedelta(n) <= until)
        }
        days += len(active)
        usage.append(
            {
                "timestamp": begins and str(begins),
                "quantity": "1",
                "properties": {"active_until": until and str(until)},
            }
        )
    rounding = {"mode": "ceil", "places": 5, "stage": "total"}
    return {
        "inputs": {"billed_window": {"from": str(window[0]), "to": str(window[1])}},
        "period": {"from": str(start), "to": str(start + timedelta(full))},
        "usage": usage,
        "rounding": rounding,
        "expected": {"units": text(rounded(Fraction(days, full), rounding))},
    }


@generator
def invoice(rng: Random) -> dict[str, Any]:
    rounding = {"mode": "half_up", "places": 2, "stage": rng.choice(["rate", "line", "total"])}
    lines = [
        (number(rng, 900), [text(number(rng, 25, 1) + 1)] if rng.random() < 0.8 else [], rng.choice(["charge", "usage"]))
        for _ in range(rng.randint(1, 4))
    ]
    subtotal = sum((amount for amount, _, _ in lines), Fraction())
    given = _coupons(rng)
    discount = _discount(subtotal, given, "listed", rounding)
    shares = _spread(discount, [amount for amount, _, _ in lines], 2)
    taxable = [(amount - share, rates, False) for (amount, rates, _), share in zip(lines, shares, strict=True)]
    by_line, _ = _taxes(taxable, rounding)
    total = subtotal - discount + sum(by_line, Fraction())
    wallets = [wallet | {"limited_to": []} for wallet in _wallets(rng)]
    owed = [("", amount + due) for (amount, _, _), due in zip(taxable, by_line, strict=True)]
    paid = sum(_pay(wallets, owed).values(), Fraction())
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
