"""Backup and restore: one portable form of a ledger, the same from and into every database.

A backup is a folder `ledger-<last entry>`: a JSON Lines file a table, each line the text that the row's hash covers,
in the order the rows were written; `roots.jsonl` and `public.pem` of the seal; and `manifest.json` with counts, the
sha256 of each file, the head of the chain, signed by the seal. The private key is not in it. What the record says was
landed is kept beside it in `evidence`, by name, which is by content.

A restore goes into an empty ledger only, with the guards on, and is committed when the chain, every row, every
signature and every root fit the manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from billing_assets.ledger import chain, guards, schema
from billing_assets.ledger.canonical import Json, canonical_json, trusted_json
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.seal import Seal, parse_root, public_keys, verified
from billing_assets.ledger.tables import DENSE, ENTRY, NUMBER_STARTS, TYPED
from billing_assets.ledger.transactions import Transactions, now

FORMAT = 1
# Rows of one insert: a statement of some megabytes at most.
_CHUNK = 2_000
_ROOTS, _PUBLIC, _MANIFEST = "roots.jsonl", "public.pem", "manifest.json"


@dataclass(frozen=True)
class Backup:
    """A backup as its manifest has it. `rows`: of all tables, entries among them."""

    folder: Path
    sequence: int
    hash: str
    rows: int
    roots: int
    is_signed: bool


@dataclass(frozen=True)
class Restored:
    """What was restored. `new_key`: the private key was not at hand, a new one signs from here on."""

    backup: Backup
    new_key: bool


# -- backup ------------------------------------------------------------------------------------------------------


def back_up(ledger: Transactions, to: Path) -> Backup:
    """Write a backup of the ledger as it stands at one moment into `to`; writers go on meanwhile.

    A backup of the same entry is replaced. Raises LedgerError where the last entries have no root yet.
    """
    to.mkdir(parents=True, exist_ok=True)
    partial = to / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    with ledger._snapshot() as (connection, roots):
        sequence, head_hash = chain.head(connection)
        last = parse_root(roots[-1]) if roots else None
        if last is None or (last.sequence, last.hash) != (sequence, head_hash):
            raise LedgerError(
                "the last entries have no signed root: a run was interrupted; open the ledger, then again"
            )
        tables = {table.name: _write_table(connection, table, partial) for table in [ENTRY, *TYPED]}
    files = {_ROOTS: "".join(f"{line}\n" for line in roots).encode(), _PUBLIC: ledger._seal.public_path.read_bytes()}
    for name, content in files.items():
        _write_file(partial / name, content)
    manifest: dict[str, Json] = {
        "format": FORMAT,
        "schema": schema.NEWEST,
        "sequence": sequence,
        "hash": head_hash,
        "tables": {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in tables.items()},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    # A ledger whose key is lost can still be backed up: the last root attests the same head.
    signature = ledger._seal.sign(canonical_json(manifest)) if ledger._seal.key_path.exists() else None
    _write_file(partial / _MANIFEST, canonical_json({**manifest, "signature": signature}).encode())
    folder, before = to / f"ledger-{sequence:09d}", to / ".replaced"
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    partial.rename(folder)
    shutil.rmtree(before, ignore_errors=True)
    return _backup(folder, {**manifest, "signature": signature}, len(roots))


def copy_missing(source: Path, target: Path) -> int:
    """Copy the files of an evidence store that `target` has not; returns how many. Their names are their contents."""
    copied = 0
    for path in sorted(source.rglob("*")) if source.exists() else []:
        copy = target / path.relative_to(source)
        if path.is_file() and not path.name.startswith(".") and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            partial = copy.with_name(f".{copy.name}.new")
            shutil.copyfile(path, partial)
            partial.replace(copy)
            copied += 1
    return copied


def _write_table(connection: Connection, table: Table, folder: Path) -> tuple[int, str]:
    """Write one table in the order its rows were written; returns rows and sha256 of the file."""
    digest, rows = hashlib.sha256(), 0
    names = [column.name for column in table.columns]
    with (folder / f"{table.name}.jsonl").open("wb") as file:
        for values in connection.execute(
            select(table).order_by(*_order(table)), execution_options={"yield_per": _CHUNK}
        ):
            stored = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            line = f"{trusted_json(stored)}\n".encode()
            digest.update(line)
            file.write(line)
            rows += 1
        file.flush()
        os.fsync(file.fileno())
    return rows, digest.hexdigest()


def _order(table: Table) -> list[Any]:
    """The order the guards ask for: entries, and within one the counters."""
    written = [] if table is ENTRY else [table.c.entry_sequence]
    counters = [table.c[counter] for counter, _ in DENSE.get(table.name, [])]
    return [*written, *counters, *table.primary_key.columns]


def _write_file(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


# -- restore -----------------------------------------------------------------------------------------------------


def restore(source: Path, url: str, seal: Path | None = None) -> Restored:
    """Restore the newest backup in `source` (or the one that `source` is) into the empty ledger at `url`.

    `seal`: as for `Ledger.open`. It has no roots yet, or the backup's own; with the private key in it, that key signs
    on, else a new one begins. Raises LedgerError for a backup that does not prove itself, or a ledger that is not
    empty; then nothing was written.
    """
    folder = _newest(source)
    manifest, roots = _checked_manifest(folder)
    sealed = Seal(seal or guards.default_seal(url))
    own = sealed.lines()
    if own != roots[: len(own)]:
        raise LedgerError(
            f"{sealed.roots_path} has {len(own)} roots, the backup {len(roots)}, and they do not begin alike or the "
            "seal goes further: entries after the backup are lost. Move that folder away and keep it: it proves them"
        )
    trusted = public_keys(folder / _PUBLIC)
    with Transactions(guards.engine_for(url), sealed) as opened:
        with opened._connection(writes=True) as connection:
            if schema.revision(connection) != schema.NEWEST:
                schema.migrate(connection)
            opened._require_guards(connection)
            if chain.head_sequence(connection):
                raise LedgerError(f"{opened._place} has entries: a backup is restored into an empty ledger only")
            for table in [NUMBER_STARTS, *(table for table in TYPED if table is not NUMBER_STARTS), ENTRY]:
                for rows in _chunks(folder, table):
                    connection.execute(insert(table), rows)
            audit = chain.verify(connection, roots, trusted)
            if audit.faults or (audit.entries, audit.head_hash) != (manifest["sequence"], manifest["hash"]):
                found = "; ".join(map(str, audit.faults[:3])) or f"it ends at entry {audit.entries}"
                raise LedgerError(f"{folder} does not prove itself, nothing was restored: {found}")
            has_key = sealed.key_path.exists()
            # Before the commit: a crash leaves an empty ledger and the backup's roots, and restoring again goes on.
            sealed.take_over(roots, (folder / _PUBLIC).read_bytes())
        if not has_key:
            with sealed.locked():
                sealed.begin(audit.entries, audit.head_hash, now())
    return Restored(_backup(folder, manifest, len(roots)), new_key=not has_key)


def _newest(source: Path) -> Path:
    if (source / _MANIFEST).exists():
        return source
    folders = sorted(path.parent for path in source.glob(f"ledger-*/{_MANIFEST}"))
    if not folders:
        raise LedgerError(f"no backup in {source}")
    return folders[-1]


def _checked_manifest(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The manifest and the lines of the roots, after every file was compared with its hash."""
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
        named = {f"{name}.jsonl": table["sha256"] for name, table in manifest["tables"].items()} | manifest["files"]
        wrong = [name for name, digest in sorted(named.items()) if _digest(folder / name) != digest]
        roots = (folder / _ROOTS).read_text(encoding="utf-8").split("\n")[:-1]
        keys = public_keys(folder / _PUBLIC)
        signed_text = canonical_json({name: value for name, value in manifest.items() if name != "signature"})
        signature = manifest["signature"]
        known = manifest["format"] == FORMAT and manifest["schema"] <= schema.NEWEST
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerError(f"{folder} is no whole backup: {error}") from error
    if not known:
        raise LedgerError(f"{folder} was written by a newer version: update the code")
    if wrong:
        raise LedgerError(f"{folder} is not as it was written: {', '.join(wrong)}")
    if signature is not None and not any(verified(key, signed_text, signature) for key in keys):
        raise LedgerError(f"{folder}: the manifest's signature is not that of the seal's key")
    return manifest, roots


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _chunks(folder: Path, table: Table) -> Iterator[list[dict[str, Any]]]:
    path = folder / f"{table.name}.jsonl"
    if not path.exists():  # a table that came after the backup
        return
    empty = dict.fromkeys(column.name for column in table.columns)
    with closing(path.open(encoding="utf-8", newline="\n")) as lines:
        while chunk := [{**empty, **json.loads(line)} for line in islice(lines, _CHUNK)]:
            yield chunk


def _backup(folder: Path, manifest: dict[str, Any], roots: int) -> Backup:
    return Backup(
        folder=folder,
        sequence=manifest["sequence"],
        hash=manifest["hash"],
        rows=sum(table["rows"] for table in manifest["tables"].values()),
        roots=roots,
        is_signed=manifest["signature"] is not None,
    )
