"""SWIFT MT940 customer statements, read line by line: exact amounts, physical lines, one fault a bad entry.

The library of that name gives neither the line of an entry nor a way to set one aside, hence this small reader.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from billing_assets.landing.bank_entries import Item, Statement, account_of, entry
from billing_assets.landing.numbers import parse_decimal
from billing_assets.landing.quarantine import Fault, FileFault, cut
from billing_assets.landing.times import parse_date

_TAG = re.compile(r":([0-9]{2}[A-Z]?):(.*)", re.DOTALL)
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9,]+)")
# value date, entry date, mark, funds code, amount, transaction type, references
_ENTRY = re.compile(r"([0-9]{6})([0-9]{4})?(R?[CD])([A-Z])?([0-9][0-9,.]*)([A-Z][A-Z0-9]{3})(.*)")
# C credits the account, D debits it; R takes one back.
_SIGNS = {"C": "", "RD": "", "D": "-", "RC": "-"}
# Lines of :86: hold 65 characters and its German subfields 27: text that fills one goes on in the next unbroken.
_LINE_WIDTH, _SUBFIELD_WIDTH = 65, 27
_END_OF_MESSAGE = re.compile(r"-\}?.*|\{.*")

_SUBFIELD = re.compile(r"\?([0-9]{2})")
_SLASHED = re.compile(r"/(EREF|KREF|NAME|ORDP|BENM|REMI|IBAN|MARF|CSID|SVCL|RTRN|TRCD|ISDT|ULTD|ULTC|PREF)/")
_PLUSSED = re.compile(r"\b(EREF|KREF|SVWZ|MREF|CRED|ABWA|ABWE)\+")


@dataclass
class _Field:
    tag: str
    line: int
    lines: list[str] = field(default_factory=list)


def read(text: str) -> Iterator[tuple[int, Item]]:  # noqa: PLR0912  (one branch a tag)
    """Statements and their entries. Raises FileFault where a statement lacks its account or a balance."""
    statement: Statement | None = None
    pending: _Field | None = None  # an entry that may still get its :86:
    account, number, start = "", "", 0
    is_closed = True
    for found in _fields(text):
        first = found.lines[0].strip()
        if found.tag != "86" and pending and statement:
            yield pending.line, _entry(pending, None, statement)
            pending = None
        if found.tag == "20":
            _check_closed(statement, is_closed=is_closed)
            statement, account, number, start = None, "", "", found.line
        elif found.tag == "25":
            account = first
        elif found.tag in ("28", "28C"):
            number = first
        elif found.tag in ("60F", "60M"):
            amount, currency, day = _balance(found)
            if not account:
                raise FileFault(f"the statement at line {start or found.line} names no account")
            statement = Statement(start or found.line, "mt940", account_of(account, currency), currency)
            statement.opening_balance, statement.from_date, is_closed = amount, day, False
        elif found.tag == "61":
            if statement is None:
                raise FileFault(f"an entry stands before the opening balance, line {found.line}")
            pending = found
        elif found.tag == "86" and pending and statement:
            yield pending.line, _entry(pending, found, statement)
            pending = None
        elif found.tag in ("62F", "62M"):
            if statement is None:
                raise FileFault(f"a closing balance without an opening one, line {found.line}")
            amount, currency, day = _balance(found)
            if currency != statement.currency:
                raise FileFault(f"the balances of a statement are in {statement.currency} and {currency}")
            statement.closing_balance, statement.to_date, is_closed = amount, day, True
            statement.statement_id = f"{statement.account}/{number}/{day}"
            yield statement.line, statement
    _check_closed(statement, is_closed=is_closed and pending is None)
    if statement is None:
        raise FileFault("no MT940 statement in the file")


def _check_closed(statement: Statement | None, *, is_closed: bool) -> None:
    if statement is not None and not is_closed:
        raise FileFault(f"the statement at line {statement.line} has no closing balance: the file is cut short")


def _fields(text: str) -> Iterator[_Field]:
    found: _Field | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip("\r")
        tagged = _TAG.match(line)
        if tagged:
            if found:
                yield found
            found = _Field(tagged[1], number, [tagged[2]])
        elif found and _END_OF_MESSAGE.fullmatch(line) and found.tag != "86":
            yield found
            found = None
        elif found and not (found.tag == "86" and line in ("-", "-}")):
            found.lines.append(line)
    if found:
        yield found


def _balance(found: _Field) -> tuple[Decimal, str, date]:
    match = _BALANCE.fullmatch(found.lines[0].strip())
    amount = parse_decimal(match[4].replace(",", ".")) if match else ""
    day = parse_date(_iso(match[2])) if match else ""
    if not match or isinstance(amount, str) or isinstance(day, str):
        raise FileFault(f"the balance :{found.tag}: of line {found.line} cannot be read: {found.lines[0][:40]}")
    return (amount if match[1] == "C" else -amount), match[3], day


def _entry(found: _Field, text: _Field | None, statement: Statement) -> Item:
    lines = [f":{found.tag}:{found.lines[0]}", *found.lines[1:]]
    original = "\n".join([*lines, *([f":86:{text.lines[0]}", *text.lines[1:]] if text else [])])
    match = _ENTRY.fullmatch(found.lines[0].strip())
    if not match:
        return Fault("field", f":61: cannot be read: {found.lines[0][:60]}", found.line, cut(original))
    value, booking, mark, _, amount, code, references = match.groups()
    customer, _, bank = references.partition("//")
    said = _said(text.lines if text else [])
    supplement = " ".join(line.strip() for line in found.lines[1:] if line.strip())
    narrative = " ".join(part for part in (said.get("narrative", ""), supplement) if part)
    cells = {
        "account": statement.account,
        "value_date": _iso(value),
        "booking_date": _booking(value, booking),
        "amount": _SIGNS[mark] + amount.replace(",", "."),
        "currency": statement.currency,
        "counterparty": said.get("counterparty", ""),
        "reference": said.get("reference", "") or customer.strip(),
        "bank_reference": bank.strip(),
        "narrative": narrative,
        "bank_code": code,
    }
    return entry(cells, statement, found.line, original)


def _iso(yymmdd: str) -> str:
    return f"20{yymmdd[:2]}-{yymmdd[2:4]}-{yymmdd[4:]}"


def _booking(value: str, mmdd: str | None) -> str:
    """The entry date, which has no year: the one nearest to the value date."""
    if not mmdd:
        return ""
    value_date = parse_date(_iso(value))
    if isinstance(value_date, str):
        return ""  # the value date itself says what is wrong
    near = [
        day
        for year in (value_date.year - 1, value_date.year, value_date.year + 1)
        if isinstance(day := parse_date(f"{year}-{mmdd[:2]}-{mmdd[2:]}"), date)
    ]
    if not near:
        return f"{value_date.year}-{mmdd[:2]}-{mmdd[2:]}"
    return min(near, key=lambda day: (abs((day - value_date).days), day)).isoformat()


def _said(lines: list[str]) -> dict[str, str]:
    """Counterparty, end-to-end reference and text of :86:, in the German, the slashed or the free form."""
    whole = _joined(lines, _LINE_WIDTH)
    subfields = _SUBFIELD.split("".join(line.rstrip("\r\n") for line in lines))
    if len(subfields) > 2:
        parts = list(zip(subfields[1::2], subfields[2::2], strict=True))
        text = _joined([part for code, part in parts if code[0] == "2" or code in ("60", "61", "62")], _SUBFIELD_WIDTH)
        said = _keyed(_PLUSSED, text)
        name = "".join(part for code, part in parts if code in ("32", "33")).strip()
        return {
            "counterparty": name,
            "reference": said.get("EREF", ""),
            "narrative": text,
        }
    said = _keyed(_SLASHED, whole)
    names = (said.get(key, "").strip("/ ") for key in ("NAME", "ORDP", "BENM"))
    return {
        "counterparty": next((name for name in names if name), "").removeprefix("NAME/"),
        "reference": said.get("EREF", "").strip("/ "),
        "narrative": whole,
    }


def _keyed(pattern: re.Pattern[str], text: str) -> dict[str, str]:
    parts = pattern.split(text)
    return {key: value.strip() for key, value in zip(parts[1::2], parts[2::2], strict=True)}


def _joined(lines: list[str], width: int) -> str:
    text = ""
    is_full = True
    for line in lines:
        text += line if is_full else f" {line}"
        is_full = len(line) >= width
    return text.strip()
