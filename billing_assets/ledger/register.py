"""The landing register: which files were seen, in which order, in which run. Nothing here opens a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, func, select

from billing_assets.ledger.canonical import Row
from billing_assets.ledger.chain import Appender
from billing_assets.ledger.errors import LedgerError
from billing_assets.ledger.tables import LANDED_FILES
from billing_assets.ledger.values import SERVICE, FoundFile, RegisteredFile


def last_sequence(connection: Connection) -> int:
    last = select(func.coalesce(func.max(LANDED_FILES.c.file_sequence), 0))
    return int(connection.execute(last).scalar_one())


def registered(connection: Connection) -> list[RegisteredFile]:
    rows = connection.execute(select(LANDED_FILES).order_by(LANDED_FILES.c.file_sequence))
    return [
        RegisteredFile(
            file_sequence=row.file_sequence,
            batch=row.batch,
            first_seen=date.fromisoformat(row.first_seen),
            path=row.path,
            sha256=row.sha256,
            landed_sha256=row.landed_sha256,
            size_bytes=row.size_bytes,
            source=row.source,
            status=row.status,
            duplicate_of=row.duplicate_of,
        )
        for row in rows
    ]


def register_batch(
    connection: Connection, append: Appender, as_of: date, files: Sequence[FoundFile], after: int | None
) -> list[RegisteredFile]:
    last = last_sequence(connection)
    if after is not None and after != last:
        raise LedgerError(
            f"the register moved from file {after} to {last} since the landing zone was scanned: run again"
        )
    if not files:
        return []
    batch = 1 + int(connection.execute(select(func.coalesce(func.max(LANDED_FILES.c.batch), 0))).scalar_one())
    result = [
        RegisteredFile(
            file_sequence=last + position,
            batch=batch,
            first_seen=as_of,
            path=file.path,
            sha256=file.sha256,
            landed_sha256=file.landed_sha256,
            size_bytes=file.size_bytes,
            source=file.source,
            status=file.status,
            duplicate_of=file.duplicate_of,
        )
        for position, file in enumerate(files, start=1)
    ]
    rows: list[Row] = [{**vars(file), "first_seen": as_of.isoformat()} for file in result]
    append.add(
        "register",
        "batch",
        str(batch),
        {LANDED_FILES: rows},
        actor=SERVICE,
        facts={"as_of": as_of.isoformat(), "files": len(rows)},
    )
    return result
