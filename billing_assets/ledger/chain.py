"""The hash chain: how entries are written, and how every row is proved to be as it was written.

An entry's payload holds the facts a reader wants and, under `rows`, the hash of each typed row written with it, by
table and primary key. The entry's hash covers its payload and the hash before it. So a changed, removed or added
row anywhere differs from its entry, and a changed, removed, added or moved entry breaks the chain. A tail cut off
whole, or a chain computed anew, is found only against a root kept elsewhere.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, Table, desc, func, insert, select
from sqlalchemy.exc import DatabaseError

from billing_assets.ledger.canonical import Json, Row, canonical_json, row_hash, row_key, sha256_text, trusted_json
from billing_assets.ledger.guards import GENESIS
from billing_assets.ledger.tables import DENSE, ENTRY, TYPED
from billing_assets.ledger.values import ChainFault

_HASHED = (
    "sequence",
    "recorded_at",
    "actor",
    "run_identity",
    "action",
    "object_kind",
    "object_id",
    "payload_hash",
    "previous_hash",
)


# table -> primary key -> (entry, hash) as the chain has it
_Expected = dict[str, dict[str, tuple[str, str]]]


class Appender:
    """Collects the entries and rows of one transaction; `flush` writes them in bulk, rows before entries."""

    def __init__(self, connection: Connection, recorded_at: str) -> None:
        self._connection = connection
        self._recorded_at = recorded_at
        head = connection.execute(
            select(ENTRY.c.sequence, ENTRY.c.hash).order_by(desc(ENTRY.c.sequence)).limit(1)
        ).first()
        self._sequence: int = head.sequence if head else 0
        self._hash: str = head.hash if head else GENESIS
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._entries: list[Row] = []

    def add(
        self,
        action: str,
        object_kind: str,
        object_id: str,
        rows: Mapping[Table, Sequence[Row]],
        *,
        actor: str,
        facts: dict[str, Json] | None = None,
        run_identity: str | None = None,
    ) -> None:
        """One entry with the rows it covers. Rows name every column of their table but `entry_sequence`."""
        self._sequence += 1
        hashes: dict[str, dict[str, str]] = {}
        for table, table_rows in rows.items():
            key_columns = [column.name for column in table.primary_key]
            by_key: dict[str, str] = {}
            for row in table_rows:
                for name, value in row.items():
                    if value is not None and type(value) not in (str, int):
                        raise TypeError(f"{table.name}.{name} is text or a whole number, not {value!r}")
                row["entry_sequence"] = self._sequence
                by_key[row_key([row[name] for name in key_columns])] = row_hash(row)
                self._rows[table.name].append(row)
            hashes[table.name] = by_key
        payload = f'{{"facts":{canonical_json(facts or {})},"rows":{trusted_json(hashes)}}}'
        entry: Row = {
            "sequence": self._sequence,
            "recorded_at": self._recorded_at,
            "actor": actor,
            "run_identity": run_identity,
            "action": action,
            "object_kind": object_kind,
            "object_id": object_id,
            "payload": payload,
            "payload_hash": sha256_text(payload),
            "previous_hash": self._hash,
        }
        self._hash = _entry_hash(entry)
        self._entries.append({**entry, "hash": self._hash})

    def flush(self) -> None:
        for table in [*TYPED, ENTRY]:  # parents before children, an entry after its rows
            rows = self._entries if table is ENTRY else self._rows[table.name]
            if rows:
                self._connection.execute(insert(table), rows)
        self._rows.clear()
        self._entries.clear()


def _entry_hash(entry: Mapping[str, object]) -> str:
    return row_hash({name: entry[name] for name in _HASHED})


def verify(connection: Connection) -> list[ChainFault]:
    """Every fault of the chain and of the rows it covers, in order of table and key. Empty = sound."""
    expected: _Expected = {table.name: {} for table in TYPED}
    faults = list(_chain_faults(connection, expected))
    for table in TYPED:
        faults.extend(_row_faults(connection, table, expected[table.name]))
    return faults


def _read(connection: Connection, table: Table) -> Iterator[dict[str, object]]:
    statement = select(table).order_by(*table.primary_key.columns)
    names = [column.name for column in table.columns]
    for row in connection.execute(statement, execution_options={"yield_per": 5_000}):
        yield dict(zip(names, row, strict=True))


def _chain_faults(connection: Connection, expected: _Expected) -> Iterator[ChainFault]:
    """Faults of the chain itself; fills `expected` with what its entries say the typed rows are."""
    position, previous_hash = 0, GENESIS
    try:
        for position, entry in enumerate(_read(connection, ENTRY), start=1):
            sequence, payload = entry["sequence"], str(entry["payload"])
            key = str(sequence)
            if sequence != position:
                yield ChainFault("entry", key, f"stands at place {position}: removed or inserted before it")
            if entry["previous_hash"] != previous_hash:
                yield ChainFault("entry", key, "does not continue the entry before it: altered, moved or removed")
            if entry["hash"] != _entry_hash(entry):
                yield ChainFault("entry", key, "does not fit its hash: altered")
            recorded = _recorded_rows(payload) if entry["payload_hash"] == sha256_text(payload) else None
            if recorded is None:
                yield ChainFault("entry", key, "holds a payload that is not the one recorded: altered")
            for table, rows in (recorded or {}).items():
                expected[table].update({row: (key, digest) for row, digest in rows.items()})
            previous_hash = str(entry["hash"])
    except DatabaseError as error:
        yield ChainFault("entry", str(position + 1), f"cannot be read: {error.__cause__}")


def _recorded_rows(payload: str) -> dict[str, dict[str, str]] | None:
    """The row hashes in an entry's payload; None where it is none that we wrote."""
    try:
        rows = json.loads(payload)["rows"]
        known = rows.keys() <= {table.name for table in TYPED}
        return rows if known and all(isinstance(hashes, dict) for hashes in rows.values()) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _row_faults(connection: Connection, table: Table, expected: Mapping[str, tuple[str, str]]) -> Iterator[ChainFault]:
    key_columns = [column.name for column in table.primary_key]
    counters: dict[tuple[str, tuple[object, ...]], list[object]] = defaultdict(list)
    seen: set[str] = set()
    try:
        for row in _read(connection, table):
            key = row_key([row[name] for name in key_columns])
            if key in seen:
                yield ChainFault(table.name, key, "is there twice")
                continue
            seen.add(key)
            for counter, within in DENSE.get(table.name, []):
                counters[counter, tuple(row[name] for name in within)].append(row[counter])
            if key not in expected:
                yield ChainFault(table.name, key, "is covered by no entry: inserted")
            elif row_hash(row) != expected[key][1]:
                yield ChainFault(table.name, key, f"is not as entry {expected[key][0]} recorded it: altered")
    except DatabaseError as error:
        yield ChainFault(table.name, "", f"cannot be read: {error.__cause__}")
        return
    for key in sorted(expected.keys() - seen):
        yield ChainFault(table.name, key, f"was recorded by entry {expected[key][0]} and is gone: removed")
    for (counter, within_values), numbers in counters.items():
        if set(numbers) != set(range(1, len(numbers) + 1)):
            where = f" of {' '.join(map(str, within_values))}" if within_values else ""
            yield ChainFault(table.name, counter, f"does not count from 1 without gaps{where}")


def head_sequence(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(ENTRY.c.sequence), 0))).scalar_one())
