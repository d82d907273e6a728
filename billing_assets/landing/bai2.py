"""BAI2 cash management files: amounts in minor units, control totals and record counts at three levels.

A file whose counts or totals disagree was cut or altered on its way and is at fault as a whole. Available balances and
summaries are not read: what is booked is told by the ledger balances and the transactions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from billing_assets.landing.bank_entries import Entry, Item, Statement, account_of, entry
from billing_assets.landing.numbers import parse_decimal, plain
from billing_assets.landing.quarantine import Fault, FileFault, cut
from billing_assets.landing.times import parse_date
from billing_assets.money import exponent

_OPENING_LEDGER, _CLOSING_LEDGER = "010", "015"
# A file that names no currency is in US dollars: so the format says.
_DEFAULT_CURRENCY = "USD"
# Fields that follow a funds type: dates and times of availability, or amounts by day.
_FUNDS_FIELDS = {"V": 2, "S": 3}


@dataclass
class _Record:
    code: str
    line: int
    fields: list[str]
    physical: int = 1  # records it stands on, continuations included
    original: str = ""


@dataclass
class _Account:
    statement: Statement
    records: int
    summaries: list[Decimal] = field(default_factory=list)
    amounts: list[Decimal] = field(default_factory=list)  # as written, without sign
    signed: list[Decimal] = field(default_factory=list)
    has_fault: bool = False


@dataclass
class _Totals:
    """What a group or the file has gathered of the trailers below it."""

    total: int = 0
    parts: int = 0
    records: int = 1  # its own header
    is_stated: bool = True


def read(text: str) -> Iterator[tuple[int, Item]]:
    """Statements (one an account and group) and their entries. Raises FileFault."""
    records = list(_records(text))
    if not records or records[0].code != "01":
        raise FileFault("no BAI2 file: it does not begin with a 01 record")
    if records[-1].code != "99":
        raise FileFault("the 99 record is missing: the file is cut short")
    file, group = _Totals(), _Totals()
    day, group_currency = "", _DEFAULT_CURRENCY
    account: _Account | None = None
    file_id = _at(records[0].fields, 4)
    for record in records[1:]:
        if record.code not in ("02", "03", "16", "49", "98", "99"):
            raise FileFault(f"record {record.code} of line {record.line} is no BAI2 record")
        if (record.code in ("16", "49")) != (account is not None):
            raise FileFault(f"record {record.code} of line {record.line} is out of order")
        if record.code == "02":
            group = _Totals()
            day = _iso(_at(record.fields, 3))
            if isinstance(parse_date(day), str):
                raise FileFault(f"the as-of date of line {record.line} cannot be read")
            group_currency = _at(record.fields, 5) or _DEFAULT_CURRENCY
        elif record.code == "03":
            account = _account(record, day, group_currency, file_id)
        elif record.code == "16" and account:
            account.records += record.physical
            yield record.line, _entry(record, account, day)
        elif record.code == "49" and account:
            _close_account(record, account, group)
            yield account.statement.line, account.statement
            account = None
        elif record.code == "98":
            _compare(record, group, "accounts")
            _add(file, record, group.records + 1)
        elif record.code == "99":
            _compare(record, file, "groups")


def _records(text: str) -> Iterator[_Record]:
    record: _Record | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip("\r").strip()
        if not line:
            continue
        code, _, rest = line.partition(",")
        fields = rest.removesuffix("/").split(",")
        if code == "88":
            if record is None:
                raise FileFault(f"a continuation without a record, line {number}")
            # A record that ended with its terminator has an empty last field no more than this one has.
            record.fields += fields
            record.physical += 1
            record.original += "\n" + line
            continue
        if record:
            yield record
        record = _Record(code.removesuffix("/"), number, fields, original=line)
    if record:
        yield record


def _account(record: _Record, day: str, group_currency: str, file_id: str) -> _Account:
    number, currency = account_of(_at(record.fields, 0)), _at(record.fields, 1) or group_currency
    if not number:
        raise FileFault(f"the account of line {record.line} has no number")
    try:
        exponent(currency)
    except KeyError:
        raise FileFault(f"'{currency}' of line {record.line} is no ISO 4217 currency") from None
    statement = Statement(record.line, "bai2", number, currency, f"{number}/{file_id}/{day}")
    as_of = parse_date(day)
    assert not isinstance(as_of, str)  # noqa: S101  (checked with the group)
    statement.from_date = statement.to_date = as_of
    account = _Account(statement, record.physical)
    position = 2
    while position < len(record.fields):
        code, text = _at(record.fields, position), _at(record.fields, position + 1)
        if text:
            amount = parse_decimal(text)
            if isinstance(amount, str):
                raise FileFault(f"the amount of type {code} in line {record.line} cannot be read: {amount}")
            account.summaries.append(amount)
            if code == _OPENING_LEDGER:
                statement.opening_balance = _major(amount, currency)
            elif code == _CLOSING_LEDGER:
                statement.closing_balance = _major(amount, currency)
        # type, amount, item count, funds type and what follows it
        position = _after_funds(record, position + 3)
    return account


def _after_funds(record: _Record, position: int) -> int:
    """The position behind a funds type and the fields it brings."""
    funds = _at(record.fields, position)
    if funds == "D":
        count = _at(record.fields, position + 1)
        if not count.isdigit():
            raise FileFault(f"the distributed availability of line {record.line} has no count")
        return position + 2 + 2 * int(count)
    return position + 1 + _FUNDS_FIELDS.get(funds, 0)


def _entry(record: _Record, account: _Account, day: str) -> Entry | Fault:
    """One 16 record: type code, amount, funds type, bank reference, customer reference, text."""
    statement = account.statement
    code, text = _at(record.fields, 0), _at(record.fields, 1)
    sign = _sign(code)
    minor = parse_decimal(text)
    reason = None
    if sign is None:
        reason = ("field", f"type code {code} is neither a credit nor a debit")
    elif isinstance(minor, str):
        reason = ("number", f"amount: {minor}")
    elif minor != minor.to_integral_value():
        reason = ("number", f"amount: {text} is not in whole minor units")
    if reason or sign is None or isinstance(minor, str):
        account.has_fault = True
        return Fault(*(reason or ("field", "unreadable")), record.line, cut(record.original))
    value_date = day
    if _at(record.fields, 2) == "V":
        value_date = _iso(_at(record.fields, 3))
    position = _after_funds(record, 2)
    account.amounts.append(minor)
    account.signed.append(sign * minor)
    cells = {
        "account": statement.account,
        "value_date": value_date,
        "booking_date": day,
        "amount": plain(sign * _major(minor, statement.currency)),
        "currency": statement.currency,
        "bank_reference": _at(record.fields, position),
        "reference": _at(record.fields, position + 1),
        "narrative": ",".join(record.fields[position + 2 :]).strip(),
        "bank_code": code,
    }
    return entry(cells, statement, record.line, record.original)


def _sign(code: str) -> int | None:
    """Detail type codes: 100-399 and 920-959 credit the account, 400-699 and 960-999 debit it."""
    if not code.isdigit():
        return None
    number = int(code)
    if 100 <= number <= 399 or 920 <= number <= 959:
        return 1
    return -1 if 400 <= number <= 699 or 960 <= number <= 999 else None


def _major(minor: Decimal, currency: str) -> Decimal:
    return minor.scaleb(-exponent(currency))


def _close_account(record: _Record, account: _Account, group: _Totals) -> None:
    own = account.records + record.physical
    stated, count = _whole(record, 0), _whole(record, 1)
    if count is not None and count != own:
        raise FileFault(f"line {record.line} says {count} records, the account has {own}")
    # The sum of all amounts of the account as written; banks also send it with signs, or without the summaries.
    sums = {
        sum([*account.summaries, *account.amounts], Decimal(0)),
        sum([*account.summaries, *account.signed], Decimal(0)),
        sum(account.amounts, Decimal(0)),
        sum(account.signed, Decimal(0)),
    }
    if stated is not None and not account.has_fault and stated not in sums:
        raise FileFault(f"line {record.line} says a control total of {stated}, the account has {max(sums)}")
    _add(group, record, own)


def _add(totals: _Totals, record: _Record, records: int) -> None:
    stated = _whole(record, 0)
    totals.is_stated = totals.is_stated and stated is not None
    totals.total += stated or 0
    totals.parts += 1
    totals.records += records


def _compare(record: _Record, totals: _Totals, parts: str) -> None:
    stated, count, records = (_whole(record, position) for position in range(3))
    if stated is not None and totals.is_stated and stated != totals.total:
        raise FileFault(f"line {record.line} says a control total of {stated}, its {parts} have {totals.total}")
    if count is not None and count != totals.parts:
        raise FileFault(f"line {record.line} says {count} {parts}, there are {totals.parts}")
    if records is not None and records != totals.records + 1:
        raise FileFault(f"line {record.line} says {records} records, there are {totals.records + 1}")


def _whole(record: _Record, position: int) -> int | None:
    """A whole number of a trailer; None where it is not stated."""
    text = _at(record.fields, position)
    if not text:
        return None
    value = parse_decimal(text)
    if isinstance(value, str) or value != value.to_integral_value():
        raise FileFault(f"'{text}' in line {record.line} is no whole number")
    return int(value)


def _at(fields: list[str], position: int) -> str:
    return fields[position].strip() if position < len(fields) else ""


def _iso(yymmdd: str) -> str:
    return f"20{yymmdd[:2]}-{yymmdd[2:4]}-{yymmdd[4:]}"
