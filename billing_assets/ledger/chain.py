"""The hash chain: how entries are written, and how every row is proved to be as it was written.

An entry's payload holds the facts a reader wants and, under `rows`, the hash of each typed row written with it, by
table and primary key. The entry's hash covers its payload and the hash before it. So a changed, removed or added
row anywhere differs from its entry, and a changed, removed, added or moved entry breaks the chain. A tail cut off
whole, or a chain computed anew, differs from the signed roots (`seal`). What a person did is signed by itself.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Table, desc, func, insert, select
from sqlalchemy.exc import DatabaseError

from billing_assets.ledger import seal
from billing_assets.ledger.canonical import (
    GENESIS,
    Json,
    Row,
    canonical_json,
    row_hash,
    row_key,
    sha256_text,
    trusted_json,
)
from billing_assets.ledger.seal import Keys, Root, Seal
from billing_assets.ledger.tables import DENSE, ENTRY, ISSUED_DOCUMENTS, NUMBER_STARTS, TYPED
from billing_assets.ledger.values import Audit, ChainFault, is_person

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

    def __init__(self, connection: Connection, recorded_at: str, sealed: Seal) -> None:
        self._connection = connection
        self._recorded_at = recorded_at
        self._seal = sealed
        self._sequence, self._hash = head(connection)
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
        """One entry with the rows it covers, signed where `actor` is a person. Rows name every column of their table
        but `entry_sequence`."""
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
        signature = self._seal.sign(self._hash) if is_person(actor) else None
        self._entries.append({**entry, "hash": self._hash, "signature": signature})

    @property
    def head(self) -> tuple[int, str]:
        """Sequence and hash of the last entry, those not yet flushed included."""
        return self._sequence, self._hash

    def flush(self) -> None:
        for table in [*TYPED, ENTRY]:  # parents before children, an entry after its rows
            rows = self._entries if table is ENTRY else self._rows[table.name]
            if rows:
                self._connection.execute(insert(table), rows)
        self._rows.clear()
        self._entries.clear()


def _entry_hash(entry: Mapping[str, object]) -> str:
    return row_hash({name: entry[name] for name in _HASHED})


def head(connection: Connection) -> tuple[int, str]:
    """Sequence and hash of the last entry."""
    last = connection.execute(select(ENTRY.c.sequence, ENTRY.c.hash).order_by(desc(ENTRY.c.sequence)).limit(1)).first()
    return (last.sequence, last.hash) if last else (0, GENESIS)


def break_after(connection: Connection, root: Root, sealed: Seal) -> str | None:
    """Why the chain does not go on from `root`; None where it does. The entries after it are checked whole."""
    sequence, previous = root.sequence, root.hash
    if not sequence and previous != GENESIS:
        return "the root is of no entry"
    if sequence:
        known = connection.execute(select(ENTRY.c.hash).where(ENTRY.c.sequence == sequence)).scalar()
        if known != previous:
            return f"entry {sequence} is {'gone' if known is None else 'another'}"
    keys = None
    for entry in _read(connection, ENTRY, ENTRY.c.sequence > sequence):
        if entry["sequence"] != sequence + 1 or entry["previous_hash"] != previous:
            return f"entry {entry['sequence']} does not continue entry {sequence}"
        if entry["hash"] != _entry_hash(entry) or entry["payload_hash"] != sha256_text(str(entry["payload"])):
            return f"entry {entry['sequence']} does not fit its hash"
        keys = keys or sealed.keys()  # read only where a crash, or a writer at work, left entries without a root
        if problem := _signature_problem(entry, keys):
            return f"entry {entry['sequence']} {problem}"
        sequence, previous = sequence + 1, str(entry["hash"])
    return None


def _signature_problem(entry: Mapping[str, object], keys: Keys) -> str | None:
    signature = entry["signature"]
    if not is_person(str(entry["actor"])):
        return None if signature is None else "is signed, which no service's entry is: altered"
    if signature is None:
        return "is a person's and not signed: forged" if keys.must_sign(entry["sequence"]) else None
    if keys.signed(entry["sequence"], entry["hash"], signature):
        return None
    return "has a signature that is not its key's: forged"


def proven_rows(connection: Connection, table: Table, sealed: Seal) -> set[str]:
    """Primary keys (`row_key`) of the rows of `table` that a person's signed entry covers as they stand.

    Proven = the row's hash is in its entry, the entry fits its hash and goes on from the one before it, its signature
    is valid, and where the row has an `actor` it is the entry's. Not proven is, too, what was written before there was
    a seal.
    """
    keys, key_columns = sealed.keys(), [column.name for column in table.primary_key]
    covering = select(table.c.entry_sequence).distinct()
    before = connection.execute(
        select(ENTRY.c.sequence + 1, ENTRY.c.hash).where(ENTRY.c.sequence.in_(select(table.c.entry_sequence - 1)))
    )
    previous: dict[object, str] = {row[0]: row[1] for row in before}
    recorded: dict[object, tuple[object, dict[str, str]]] = {}
    for entry in _read(connection, ENTRY, ENTRY.c.sequence.in_(covering)):
        payload = str(entry["payload"])
        fits = entry["hash"] == _entry_hash(entry) and entry["payload_hash"] == sha256_text(payload)
        # An entry of another ledger under the same seal fits itself, and does not go on from what is here.
        fits = fits and entry["previous_hash"] == previous.get(entry["sequence"], GENESIS)
        if fits and keys.signed(entry["sequence"], entry["hash"], entry["signature"]):
            recorded[entry["sequence"]] = entry["actor"], (_recorded_rows(payload) or {}).get(table.name, {})
    proven = set()
    for row in _read(connection, table):
        key = row_key([row[name] for name in key_columns])
        actor, hashes = recorded.get(row["entry_sequence"], (None, {}))
        if hashes.get(key) == row_hash(row) and row.get("actor", actor) == actor:
            proven.add(key)
    return proven


def verify(connection: Connection, root_lines: list[str], trusted: list[str]) -> Audit:
    """Every fault of the chain, of the rows it covers and of its roots, and how much was looked at.

    `trusted`: the public keys (hex) that may sign.
    """
    expected: _Expected = {table.name: {} for table in TYPED}
    keys, heads = Keys([root for line in root_lines if (root := seal.parse_root(line))]), {0: GENESIS}
    faults = list(_chain_faults(connection, expected, keys, heads))
    for table in TYPED:
        faults.extend(_row_faults(connection, table, expected[table.name]))
    last, last_hash = max(heads.items())
    roots, problems = seal.faults(root_lines, heads, last, trusted)
    faults.extend(ChainFault("seal", place, problem) for place, problem in problems)
    return Audit(
        faults=tuple(faults),
        entries=last,
        rows=sum(map(len, expected.values())),
        roots=len(roots),
        head_hash=last_hash,
        keys=tuple(keys.begins),
    )


def _read(connection: Connection, table: Table, *where: ColumnElement[bool]) -> Iterator[dict[str, object]]:
    statement = select(table).where(*where).order_by(*table.primary_key.columns)
    names = [column.name for column in table.columns]
    for row in connection.execute(statement, execution_options={"yield_per": 5_000}):
        yield dict(zip(names, row, strict=True))


def _chain_faults(
    connection: Connection, expected: _Expected, keys: Keys, heads: dict[int, str]
) -> Iterator[ChainFault]:
    """Faults of the chain itself; fills `expected` with what its entries say the typed rows are, `heads` with the
    hash of the entry at each place."""
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
            if problem := _signature_problem(entry, keys):
                yield ChainFault("entry", key, problem)
            heads[position] = str(entry["hash"])
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
    starts = _number_starts(connection) if table is ISSUED_DOCUMENTS else {}
    for (counter, within_values), numbers in counters.items():
        first = starts.get(within_values, 1) if counter == "number_no" else 1
        if set(numbers) != set(range(first, first + len(numbers))):
            where = f" of {' '.join(map(str, within_values))}" if within_values else ""
            yield ChainFault(table.name, counter, f"does not count from {first} without gaps{where}")


def _number_starts(connection: Connection) -> dict[tuple[object, ...], int]:
    """(selling entity, kind) -> first number, of ranges that another system began; none where they cannot be read.

    That is a fault of their own table, found there.
    """
    try:
        return {(r["selling_entity"], r["kind"]): int(str(r["next_no"])) for r in _read(connection, NUMBER_STARTS)}
    except (DatabaseError, ValueError):
        return {}


def head_sequence(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(ENTRY.c.sequence), 0))).scalar_one())
