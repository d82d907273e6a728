"""Bank statements: which format a file is in, and the CSV form. What an entry is belongs to `bank_entries`.

A file that is no whole statement is at fault as a whole (it says money that is not there, or the other way round);
a row that cannot be read is set aside alone, and the statement's balances then tell how much is missing.
"""

from collections.abc import Iterable, Iterator
from typing import TextIO

from billing_assets.landing import delimited
from billing_assets.landing.bank_entries import Entry, Item, Statement, account_of, entry
from billing_assets.landing.quarantine import Fault

COLUMNS = ("value_date", "booking_date", "amount", "currency", "counterparty", "reference", "narrative", "account")
SUFFIXES = (".xml", ".sta", ".mt940", ".bai", ".bai2", ".csv")


def read(stream: TextIO, path: str) -> Iterable[tuple[int, Item]]:
    """Every statement and row of a file as (line, item); the format is told by the suffix.

    Raises quarantine.FileFault where the file is not whole.
    """
    name = path.lower().removesuffix(".gz")
    if name.endswith(".csv"):
        return read_csv(stream)
    text = stream.read()
    if name.endswith(".xml"):
        from billing_assets.landing import camt053

        return camt053.read(text)
    if name.endswith((".bai", ".bai2")):
        from billing_assets.landing import bai2

        return bai2.read(text)
    from billing_assets.landing import mt940

    return mt940.read(text)


def read_csv(stream: TextIO) -> Iterator[tuple[int, Item]]:
    """Rows of the CSV form. It has no balances; the rows of one account and currency are one statement."""
    statements: dict[tuple[str, str], Statement] = {}
    for line, values in delimited.read(stream, COLUMNS):
        if isinstance(values, Fault):
            yield line, values
            continue
        account, currency = account_of(values["account"]), values["currency"]
        statement = statements.get((account, currency)) or Statement(line, "csv", account, currency)
        read_entry = entry(values, statement, line, values.original)
        if isinstance(read_entry, Entry):
            statements[account, currency] = statement
            _extend(statement, read_entry)
        yield line, read_entry
    for statement in statements.values():
        yield statement.line, statement


def _extend(statement: Statement, read_entry: Entry) -> None:
    day = read_entry.booking_date
    first = statement.from_date = min(statement.from_date or day, day)
    last = statement.to_date = max(statement.to_date or day, day)
    statement.statement_id = f"{statement.account}/{statement.currency}/{first}/{last}"
