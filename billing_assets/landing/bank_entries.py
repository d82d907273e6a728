"""What a bank statement says in any format: statements, their entries, and which entries landed before.

Belongs here: the common values of the four formats and the identity of an entry. Reading a format belongs to `camt053`,
`mt940`, `bai2` and `bank` (CSV); what an entry pays belongs to `matching`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

import duckdb

from billing_assets.landing.columns import BadColumn, Columns
from billing_assets.landing.numbers import plain
from billing_assets.landing.prices import Row
from billing_assets.landing.quarantine import Fault, cut

# MT940 cuts references to 16 characters; a reference of that length may be the start of a longer one.
CUT_REFERENCE = 16
# A narrative of fewer letters and digits says too little to recognise an entry inside another's text.
TELLING_NARRATIVE = 10
# How banks spell that there is no reference.
NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NOTAVAILABLE", "NOREF"})

# A shorter domestic account number may end another account's IBAN by chance.
DOMESTIC_NUMBER = 8

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}")
_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]+")


@dataclass(eq=False)
class Statement:
    """One statement of one account, in the order of its file. Balances are null where the format has none."""

    line: int
    format: str
    account: str
    currency: str
    statement_id: str = ""
    opening_balance: Decimal | None = None
    closing_balance: Decimal | None = None
    from_date: date | None = None
    to_date: date | None = None


@dataclass(frozen=True)
class Entry:
    """One movement of an account; amount in its currency, signed from the account holder's side (credit +)."""

    statement: Statement
    account: str
    value_date: date
    booking_date: date
    amount: Decimal
    currency: str
    counterparty: str | None
    reference: str | None
    bank_reference: str | None
    narrative: str | None
    bank_code: str | None


# What a reader of a format yields, with the line it starts on. Statements are no rows: conservation counts the rest.
Item = Statement | Entry | Fault


def entry(cells: Mapping[str, str], statement: Statement, line: int, original: str) -> Entry | Fault:
    """An entry from its cells by the column names of the CSV form, or why it is set aside.

    One of the two dates may be blank and is then the other. Dates are ISO text, amounts signed decimal text.
    """
    columns = Columns(defaultdict(str, cells))
    try:
        value_date, booking_date = columns.day("value_date"), columns.day("booking_date")
        one = value_date or booking_date
        if one is None:
            raise BadColumn("field", "value_date", "missing, and booking_date too")
        return Entry(
            statement=statement,
            account=account_of(columns.required("account")),
            value_date=value_date or one,
            booking_date=booking_date or one,
            amount=columns.required_number("amount"),
            currency=columns.currency("currency"),
            counterparty=columns.text("counterparty"),
            reference=_reference(columns.text("reference")),
            bank_reference=_reference(columns.text("bank_reference")),
            narrative=columns.text("narrative"),
            bank_code=columns.text("bank_code"),
        )
    except BadColumn as error:
        return Fault(error.code, error.reason, line, cut(original))


def account_of(text: str, currency: str = "") -> str:
    """An account's one spelling: no blanks, no bank code before a slash, no currency behind."""
    account = re.sub(r"\s+", "", text).upper()
    bank, separator, rest = account.partition("/")
    if separator and rest and re.fullmatch(r"[0-9]{8}|[A-Z0-9]{8}([A-Z0-9]{3})?", bank):
        account = rest
    if currency and len(account) > len(currency) + 4:
        account = account.removesuffix(currency)
    return account


def is_one_account(one: str, other: str) -> bool:
    """Whether two spellings are one account: the same text, or an IBAN and the domestic number that it ends with."""
    domestic, iban = sorted((one, other), key=len)
    return one == other or (
        len(domestic) >= DOMESTIC_NUMBER
        and domestic.isdigit()
        and _IBAN.fullmatch(iban) is not None
        and iban.endswith(domestic)
    )


def squeezed(text: str | None) -> str:
    """Letters and digits only, upper case: how two spellings of one reference are compared."""
    return _NOT_ALPHANUMERIC.sub("", text or "").upper()


def _reference(text: str | None) -> str | None:
    return None if text is None or squeezed(text) in NO_REFERENCE else text.strip()


def _disagree(one: str | None, other: str | None) -> bool:
    return bool(one) and bool(other) and not _agree(one, other)


def _agree(one: str | None, other: str | None) -> bool:
    if not one or not other:
        return False
    a, b = squeezed(one), squeezed(other)
    short, long = sorted((a, b), key=len)
    return a == b or (len(short) >= CUT_REFERENCE and long.startswith(short))


@dataclass(frozen=True)
class _Known:
    entry_id: str
    bank_reference: str | None
    reference: str | None
    narrative: str | None


def _same(known: _Known, new: Entry, rung: int) -> bool:
    """Whether two entries of one account, day, amount and currency are one, by the evidence of a rung."""
    if rung == 0:
        return _agree(known.bank_reference, new.bank_reference)
    if _disagree(known.bank_reference, new.bank_reference):
        return False
    ours, theirs = squeezed(known.narrative), squeezed(new.narrative)
    if rung == 1:
        return (
            _agree(known.reference, new.reference)
            or (not new.reference and _stands_in(known.reference, theirs))
            or (not known.reference and _stands_in(new.reference, ours))
        )
    if _disagree(known.reference, new.reference):
        return False
    short, long = sorted((ours, theirs), key=len)
    if not long:
        # Without a text two entries are one only where neither says anything at all.
        return not (known.reference or new.reference or known.bank_reference or new.bank_reference)
    return ours == theirs or (len(short) >= TELLING_NARRATIVE and short in long)


def _stands_in(reference: str | None, narrative: str) -> bool:
    text = squeezed(reference)
    return len(text) >= TELLING_NARRATIVE and text in narrative


_RUNGS = (0, 1, 2)  # bank reference, reference, narrative: the strongest evidence pairs first

_Group = tuple[str, date, Decimal, str]


@dataclass
class BankBook:
    """Every entry accepted so far, and the judgement of new ones.

    Two statements may bring the same entry (they overlap, or the bank sent another format); one statement never
    does, so equal entries of one statement are as many entries.
    """

    _known: dict[_Group, list[_Known]] = field(default_factory=lambda: defaultdict(list))
    _ids: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _accounts: dict[str, str] = field(default_factory=dict)  # each spelling -> the one that landed first

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> "BankBook":
        """The entries in the warehouse."""
        book = cls()
        for account, day, amount, currency, *rest in connection.execute(
            "select account, booking_date, amount, currency, entry_id, bank_reference, reference, narrative"
            " from raw_bank.entries order by file_sequence, line, entry_id"
        ).fetchall():
            known = _Known(*rest)
            book._account(account)
            book._known[account, day, amount, currency].append(known)
            book._ids[_base_id(account, day, amount, currency, known)] += 1
        return book

    def judge(self, items: Iterable[tuple[int, Item]], file_sequence: int) -> tuple[list[Row], list[Row], int]:
        """Statements and new entries as rows of raw_bank, and how many entries had landed before."""
        statements: list[Statement] = []
        entries: dict[Statement, list[tuple[int, Entry]]] = defaultdict(list)
        for line, item in items:
            if isinstance(item, Statement):
                item.account = self._account(item.account)
                statements.append(item)
            elif isinstance(item, Entry):
                own_account = replace(item, account=self._account(item.account))
                entries[item.statement].append((line, own_account))
        statement_rows, entry_rows, duplicates = [], [], 0
        for number, statement in enumerate(statements, start=1):
            own = entries[statement]
            new = self._new(own)
            duplicates += len(own) - len(new)
            entry_rows += [self._enter(line, item, file_sequence) for line, item in new]
            statement_rows.append(_statement_row(statement, number, own, file_sequence))
        return statement_rows, entry_rows, duplicates

    def _account(self, account: str) -> str:
        if account not in self._accounts:
            known = (first for one, first in self._accounts.items() if is_one_account(one, account))
            self._accounts[account] = next(known, account)
        return self._accounts[account]

    def _new(self, own: list[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
        left = list(own)
        claimed: set[str] = set()
        for rung in _RUNGS:
            unclaimed = []
            for line, item in left:
                group = self._known.get((item.account, item.booking_date, item.amount, item.currency), [])
                twin = next((k for k in group if k.entry_id not in claimed and _same(k, item, rung)), None)
                if twin:
                    claimed.add(twin.entry_id)
                else:
                    unclaimed.append((line, item))
            left = unclaimed
        return left

    def _enter(self, line: int, item: Entry, file_sequence: int) -> Row:
        unnumbered = _Known("", item.bank_reference, item.reference, item.narrative)
        group = (item.account, item.booking_date, item.amount, item.currency)
        base = _base_id(*group, unnumbered)
        self._ids[base] += 1
        ordinal = self._ids[base]
        entry_id = base if ordinal == 1 else f"{base}/{ordinal}"
        self._known[group].append(_Known(entry_id, item.bank_reference, item.reference, item.narrative))
        return {
            "entry_id": entry_id,
            "statement_id": item.statement.statement_id,
            "account": item.account,
            "value_date": item.value_date,
            "booking_date": item.booking_date,
            "amount": item.amount,
            "currency": item.currency,
            "counterparty": item.counterparty,
            "reference": item.reference,
            "bank_reference": item.bank_reference,
            "narrative": item.narrative,
            "bank_code": item.bank_code,
            "format": item.statement.format,
            "file_sequence": file_sequence,
            "line": line,
        }


def _base_id(account: str, day: date, amount: Decimal, currency: str, entry: _Known) -> str:
    key = squeezed(entry.bank_reference) or squeezed(entry.reference)
    if not key:
        key = sha256(squeezed(entry.narrative).encode()).hexdigest()[:12]
    return f"{account}/{day}/{plain(amount)}/{currency}/{key}"


def _statement_row(
    statement: Statement, number: int, own: list[tuple[int, Entry]], file_sequence: int
) -> dict[str, Any]:
    days = [item.booking_date for _, item in own]
    return {
        "statement_id": statement.statement_id,
        "statement_no": number,
        "account": statement.account,
        "currency": statement.currency,
        "opening_balance": statement.opening_balance,
        "closing_balance": statement.closing_balance,
        "entry_rows": len(own),
        "entry_amount": sum((item.amount for _, item in own), Decimal(0)),
        "from_date": statement.from_date or min(days, default=statement.to_date),
        "to_date": statement.to_date or max(days, default=statement.from_date),
        "format": statement.format,
        "file_sequence": file_sequence,
        "line": statement.line,
    }
