"""Rows of every source but usage and feeds on their way to raw tables: accepted, duplicate, conflict, quarantined.

Belongs here: telling a row that landed before from a new one. Parsing belongs to the module of each source.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TextIO

import duckdb

from billing_assets.landing import bank, contracts, fx, opening, provisioning, quarantine, tables
from billing_assets.landing.bank_entries import BankBook, Statement
from billing_assets.landing.contracts import Contract
from billing_assets.landing.files import LandedFile
from billing_assets.landing.prices import Row
from billing_assets.landing.quarantine import Fault, QuarantinedRow

# One parsed row or document and the line it starts on.
Parsed = tuple[int, Any]

READERS: dict[str, Callable[[TextIO, str], Iterable[Parsed]]] = {
    "contracts": lambda stream, _: contracts.read(stream.read()),
    "provisioning": lambda stream, _: provisioning.read(stream),
    "fx": lambda stream, _: fx.read(stream),
    "opening": lambda stream, _: opening.read(stream),
    "bank": bank.read,
}


def is_row(item: object) -> bool:
    """Whether a parsed item counts as a row: a statement does not, its entries do."""
    return not isinstance(item, Statement)


@dataclass
class Account:
    """What became of the rows of one file: received = accepted + duplicate + conflict + quarantined."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    quarantined: int = 0

    @property
    def received(self) -> int:
        return self.accepted + self.duplicate + self.conflict + self.quarantined


class RowWriter:
    """Judges the rows of one batch, file by file; knows what was accepted before them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, buffer: tables.Buffer) -> None:
        self._connection = connection
        self._buffer = buffer
        self._known: dict[str, dict[Any, Any]] = {}
        self._bank: BankBook | None = None

    def write(self, file: LandedFile, parsed: Iterable[Parsed]) -> Account:
        """Accept, skip or quarantine every row of a file, and say how many of each."""
        account = Account()
        faults: list[Fault] = []
        if file.source == "bank":
            parsed = self._write_bank(file, list(parsed), account)
        for line, item in parsed:
            if isinstance(item, Fault):
                faults.append(item)
                account.quarantined += 1
                continue
            key, content, accepted = self._judge(file, line, item)
            known = self._of(file.source)
            if key not in known:
                known[key] = content
                for table, rows in accepted.items():
                    self._buffer.add(table, rows)
                account.accepted += 1
            elif known[key] == content:
                account.duplicate += 1
            else:
                faults.append(Fault("conflict", _conflict(file.source, key), line, _original(item)))
                account.conflict += 1
        self._buffer.add(
            quarantine.TABLE,
            [
                QuarantinedRow(file.file_sequence, file.path, file.sha256, file.source, fault).as_row()
                for fault in faults
            ],
        )
        return account

    def _write_bank(self, file: LandedFile, parsed: list[Parsed], account: Account) -> list[Parsed]:
        """Write statements and new entries; returns the faults. An entry has more than one key: see BankBook."""
        if self._bank is None:
            self._bank = BankBook.of(self._connection)
        statements, entries, account.duplicate = self._bank.judge(parsed, file.file_sequence)
        account.accepted = len(entries)
        self._buffer.add("raw_bank.statements", statements)
        self._buffer.add("raw_bank.entries", entries)
        return [(line, item) for line, item in parsed if isinstance(item, Fault)]

    def _judge(
        self, file: LandedFile, line: int, item: Contract | Row
    ) -> tuple[tuple[Any, ...], Any, dict[str, list[Row]]]:
        """By what a row is known, what it says, and the rows it becomes."""
        origin = {"file_sequence": file.file_sequence, "line": line}
        if isinstance(item, Contract):
            rows = {f"raw_contracts.{table}": table_rows for table, table_rows in item.rows.items()}
            rows["raw_contracts.versions"] = [item.rows["versions"][0] | origin]
            return (item.contract_id, item.version), item.terms_hash, rows
        if file.source == "fx":
            key = tuple(item[name] for name in fx.KEY)
            return key, item["rate"], {"raw_fx.rates": [item | origin]}
        if file.source == "opening":
            return opening.key_of(item), opening.content_of(item), {"raw_opening.balances": [item | origin]}
        # Provisioning states are replaced by later rows: only the very same row is a duplicate, none a conflict.
        key = tuple(item[name] for name in provisioning.COLUMNS)
        return key, None, {"raw_provisioning.entitlements": [item | origin]}

    def _of(self, source: str) -> dict[Any, Any]:
        """Key -> content of every row of a source accepted so far."""
        if source not in self._known:
            if source == "opening":
                self._known[source] = self._opened()
                return self._known[source]
            if source == "contracts":
                query = "select contract_id, version, terms_hash from raw_contracts.versions"
            elif source == "fx":
                query = f"select {', '.join(fx.KEY)}, rate from raw_fx.rates"
            else:
                query = f"select {', '.join(provisioning.COLUMNS)}, null from raw_provisioning.entitlements"
            rows = self._connection.execute(query).fetchall()
            self._known[source] = {tuple(row[:-1]): row[-1] for row in rows}
        return self._known[source]

    def _opened(self) -> dict[Any, Any]:
        # The key of an opening balance hangs on its kind, so it is told from whole rows.
        rows = self._connection.execute(f"select {', '.join(opening.COLUMNS)} from raw_opening.balances").fetchall()
        named = [dict(zip(opening.COLUMNS, row, strict=True)) for row in rows]
        return {opening.key_of(row): opening.content_of(row) for row in named}


def _conflict(source: str, key: tuple[Any, ...]) -> str:
    if source == "contracts":
        return f"contract {key[0]} version {key[1]} landed before with other terms; the first stands"
    if source == "opening":
        named = " ".join(str(part) for part in key if part is not None)
        return f"an opening balance for {named} landed before with other content; the first stands"
    return f"a rate for {' '.join(str(part) for part in key)} landed before with another value; the first stands"


def _original(item: Contract | Row) -> str:
    if isinstance(item, Contract):
        return str(item.rows["versions"][0]["document"])
    return ",".join("" if value is None else str(value) for value in item.values())
