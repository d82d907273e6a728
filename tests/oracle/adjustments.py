"""What follows the charge lines: minimum spend, discounts, credits, tax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction

from tests.oracle.calendar import days, midnight
from tests.oracle.figures import settle, spread
from tests.oracle.prices import number
from tests.oracle.terms import Contract, Json, Line
from tests.oracle.usage import in_time, share_of_full

CHARGED = {"usage", "minimum", "recurring", "one_time"}
# What a discount or a tax without a scope reaches: all that is billed for service, so not a prepayment.
REDUCIBLE = CHARGED | {"true_up", "overage"}


def applies(terms: Json, line: Line) -> bool:
    named = terms.get("applies_to")
    return not named or bool({line.charge, line.product, line.kind} & set(named))


def true_up_lines(contract: Contract, lines: Sequence[Line], as_of: date) -> list[Line]:
    """Minimum spend of each window less the rounded lines whose service lies in it."""
    found = []
    for terms in contract.versions[-1].get("commitments") or []:
        if terms["kind"] != "minimum_spend":
            continue
        windows = [(p.start, p.end, share_of_full(p)) for p in contract.periods]
        if terms["window"] == "contract":
            windows = [(contract.starts_on, contract.ends_on, Fraction(1))] if contract.ends_on else []
        for start, end, part in windows:
            due = number(terms["amount"]) * (part if terms.get("prorate") else 1)
            spent = sum((line.amount for line in lines
                         if line.kind in CHARGED and start <= line.start < end and applies(terms, line)), Fraction(0))  # fmt: skip
            if end <= as_of and due > spent:
                line = Line("true_up", terms["commitment_id"], end, start, end, due - spent, reference=terms["commitment_id"])
                line.amount = contract.round(due - spent)
                found.append(line)
    return found


def windowed_lines(contract: Contract, lines: Sequence[Line]) -> list[Line]:
    """What a windowed commitment adds to the usage of each period: usage above it at the factor, and the rest if trued up.

    A window is the period itself (then its rounded lines count) or a local day.
    """
    found = []
    for terms in contract.versions[-1].get("commitments") or []:
        for period in contract.periods if terms["kind"] == "windowed" else []:
            used = [line for line in lines if line.kind == "usage" and line.bill_date == period.end and applies(terms, line)]
            cost = dict.fromkeys(days(period.start, period.end), Fraction(0))
            for at, value in ((at, line.unrounded * part) for line in used for at, part in line.shares):
                cost[at.astimezone(contract.zone).date()] += value
            windows = [sum((line.amount for line in used), Fraction(0))] if terms["window"] == "billing_period" else cost.values()
            held, surcharge = number(terms["amount"]), number(terms["overage_factor"]) - 1
            over = sum((max(value - held, Fraction(0)) for value in windows), Fraction(0)) * surcharge
            short = sum((max(held - value, Fraction(0)) for value in windows), Fraction(0)) if terms.get("true_up") else Fraction(0)
            for kind, amount in (("overage", over), ("true_up", short)):
                if amount:
                    line = Line(kind, terms["commitment_id"], period.end, period.start, period.end, amount, reference=terms["commitment_id"])
                    line.amount = contract.round(amount)
                    found.append(line)
    return found


def prepaid_lines(contract: Contract) -> list[Line]:
    found = []
    for terms in contract.versions[0].get("commitments") or []:
        if terms["kind"] == "prepaid":
            amount = number(terms["amount"])
            line = Line("prepaid", terms["commitment_id"], contract.starts_on, contract.starts_on, contract.starts_on, amount,
                        reference=terms["commitment_id"])  # fmt: skip
            line.amount = contract.round(amount)
            found.append(line)
    return found


def _ordered(discounts: Sequence[Json]) -> list[Json]:
    """By `order`; where none is given percentages come before amounts."""
    return sorted(discounts, key=lambda d: (d.get("order") or 0, d["kind"] != "percent"))


def discount_lines(contract: Contract, bill: Sequence[Line], taken: dict[str, int]) -> list[Line]:
    """Discounts of one bill, charge by charge and then the contract's; `taken` counts the bills each was used on."""
    found: list[Line] = []
    charged = [line for line in bill if line.kind in REDUCIBLE]
    for charge_id in dict.fromkeys(line.charge for line in charged):
        lines = [line for line in charged if line.charge == charge_id]
        charge = contract.charge_on(charge_id, lines[-1].start)
        for terms in _ordered([d for d in (charge or {}).get("discounts") or [] if d["kind"] != "free_quantity"]):
            found += _discount(contract, terms, lines, taken)
    for terms in _ordered(contract.versions[-1].get("discounts") or []):
        found += _discount(contract, terms, [line for line in charged if applies(terms, line)], taken)
    return found


def _discount(contract: Contract, terms: Json, lines: list[Line], taken: dict[str, int]) -> list[Line]:
    duration = terms.get("duration") or {"kind": "forever"}
    most = {"once": 1, "periods": duration.get("periods")}.get(duration["kind"])
    lines = [line for line in lines if in_time(terms, line.start)]
    if not lines or (most is not None and taken.get(terms["discount_id"], 0) >= most):
        return []
    if terms["kind"] == "percent":
        offs = [contract.round(line.left * number(terms["value"]) / 100) for line in lines]
    else:
        left = [line.left for line in lines]
        offs = spread(min(contract.round(number(terms["value"])), sum(left, Fraction(0))), left, contract.places)
    found = []
    for line, off in zip(lines, offs, strict=True):
        if off:
            line.left -= off
            found.append(Line("discount", line.charge, line.bill_date, line.start, line.end, -off, line.group, line.product,
                              terms["discount_id"], -off, parent=line))  # fmt: skip
    if found:
        taken[terms["discount_id"]] = taken.get(terms["discount_id"], 0) + 1
    return found


@dataclass
class Grant:
    grant_id: str
    pays: bool  # purchased and commit grants pay a bill; the others reduce it
    balance: Fraction
    opens: datetime
    closes: datetime | None
    rank: tuple[object, ...]
    terms: Json


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def grants_of(contract: Contract) -> list[Grant]:
    """Money grants, first to burn first."""
    found = []
    late = datetime.max.replace(tzinfo=UTC)
    for terms in contract.versions[-1].get("credit_grants") or []:
        if terms["unit"] == "currency":
            opens, ends = _instant(terms["effective_at"]), _instant(terms.get("expires_at"))
            assert opens
            rank = (terms.get("priority") or 0, ends or late, opens, terms["grant_id"])
            found.append(Grant(terms["grant_id"], terms["kind"] in {"purchased", "commit"}, number(terms["amount"]), opens, ends, rank, terms))
    for terms in contract.versions[0].get("commitments") or []:
        if terms["kind"] == "prepaid":
            opens, ends = midnight(contract.starts_on, contract.zone), _instant(terms.get("expires_at"))
            rank = (terms.get("priority") or 0, ends or late, opens, terms["commitment_id"])
            found.append(Grant(terms["commitment_id"], True, number(terms["amount"]), opens, ends, rank, terms))
    return sorted(found, key=lambda grant: grant.rank)


def draw(contract: Contract, bill: Sequence[Line], grants: Sequence[Grant], kinds: set[str]) -> list[Line]:
    """Draw the grants on what is left of the bill's lines, by the moment it arose; one credit line per line and grant."""
    atoms = sorted(
        ((at, place, line, line.left * part) for place, line in enumerate(bill) if line.kind in kinds
         for at, part in (line.shares or [(midnight(line.start, contract.zone), Fraction(1))]) if line.left > 0),
        key=lambda atom: atom[:2])  # fmt: skip
    drawn: dict[tuple[str, int], Fraction] = {}
    for at, place, line, value in atoms:
        rest = value
        for grant in grants:
            if grant.opens <= at and (grant.closes is None or at < grant.closes) and applies(grant.terms, line):
                part = min(rest, grant.balance)
                grant.balance -= part
                rest -= part
                drawn[grant.grant_id, place] = drawn.get((grant.grant_id, place), Fraction(0)) + part
    lines = []
    for (grant_id, place), exact in drawn.items():
        parent, amount = bill[place], contract.round(exact)
        if amount:
            parent.left -= amount
            lines.append(Line("credit", parent.charge, parent.bill_date, parent.start, parent.end, -amount, parent.group,
                              parent.product, grant_id, -amount, parent=parent))  # fmt: skip
    return lines


def tax_lines(contract: Contract, bill: Sequence[Line]) -> list[Line]:
    """Added tax on what is left of each line, one line per tax code, rounded as the contract says.

    The tax stays with what is left of its line: a credit that pays a bill pays its tax too.
    """
    codes = contract.versions[-1].get("taxes") or []
    taxed = [line for line in bill if line.kind in REDUCIBLE]
    exact = {
        (place, terms["tax_code"]): line.left * number(terms["rate_percent"]) / 100
        for place, line in enumerate(taxed) for terms in codes if applies(terms, line)
    }  # fmt: skip
    how = contract.billing.get("tax_rounding") or "line"
    pots: dict[str, Callable[[tuple[int, str]], object]] = {
        "rate": lambda key: key, "line": lambda key: key[0], "by_tax": lambda key: key[1], "total": lambda key: 0}  # fmt: skip
    together: dict[object, list[tuple[int, str]]] = {}
    for key in exact:
        together.setdefault(pots[how](key), []).append(key)
    by_code: dict[str, Fraction] = {}
    for keys in together.values():
        values = [exact[key] for key in keys]
        total = contract.round(sum(values, Fraction(0)))
        for key, amount in zip(keys, settle(total, values, contract.places), strict=True):
            by_code[key[1]] = by_code.get(key[1], Fraction(0)) + amount
            taxed[key[0]].left += amount
    return [Line("tax", code, bill[0].bill_date, bill[0].start, bill[0].end, amount, reference=code, amount=amount)
            for code, amount in by_code.items() if amount]  # fmt: skip
