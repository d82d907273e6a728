"""The file target: each document as canonical JSON, each batch with a CSV of its documents and a manifest.

    <folder>/<document>.json                  the payload of the ledger, byte for byte
    <folder>/batch-000001.invoices.csv        one row a document of the batch
    <folder>/batch-000001.manifest.json       control totals and hashes; written last, it says the batch is whole

Files appear whole or not at all (written aside, then renamed). Nothing in them depends on the machine, so two homes
with the same record hold the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from billing_assets.ledger import Attempt, OutboxItem
from billing_assets.ledger.canonical import Json, canonical_json, decimal_text
from billing_assets.publication.targets import ControlTotal, Held, Payloads

# A kill loses at most the outcome of one portion, which is then read back; larger gains little speed.
_PORTION = 1_000
MANIFEST_VERSION = 1
_COLUMNS = (
    "document_id",
    "number",
    "kind",
    "selling_entity",
    "contract_id",
    "account_id",
    "bill_date",
    "issue_date",
    "due_date",
    "currency",
    "total",
    "file",
    "sha256",
)
# A spreadsheet runs a cell that starts with one of these, blanks before it or not, full-width forms included.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")
# A leading dot hides a file, a leading dash is an option to a command and a formula to a spreadsheet.
_NOT_FIRST = ".-"
# Names longer than this are cut: file systems allow 255 bytes, and a suffix and ".part" follow.
_LONGEST_NAME = 180
_PLAIN = re.compile(r"[A-Za-z0-9./-]+")


class FileTarget:
    """Writes into `folder`, which is its own: HOME/published/file."""

    name = "file"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, items: Sequence[OutboxItem]) -> list[Sequence[OutboxItem]]:
        return [items[start : start + _PORTION] for start in range(0, len(items), _PORTION)]

    def send(self, items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        self.folder.mkdir(parents=True, exist_ok=True)
        for item in items:
            _write(self.folder / file_name(item.document_id), payloads[item.item_key].encode())
        return [Attempt(item.item_key, "sent") for item in items]

    def close(self, items: Sequence[OutboxItem]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        invoices, manifest = self._batch_paths(items)
        content = _invoices_csv(items)
        _write(invoices, content)
        totals: dict[str, Json] = {
            currency: {"documents": total.documents, "amount": decimal_text(total.amount)}
            for currency, total in _totals((item.currency, item.total) for item in items).items()
        }
        files: list[Json] = [{"file": invoices.name, "sha256": hashlib.sha256(content).hexdigest()}]
        files += [{"file": file_name(item.document_id), "sha256": item.payload_hash} for item in items]
        _write(
            manifest,
            canonical_json(
                {
                    "schema_version": MANIFEST_VERSION,
                    "batch": items[0].batch,
                    "documents": len(items),
                    "control_totals": totals,
                    "files": files,
                }
            ).encode()
            + b"\n",
        )
        # What is confirmed next must still be there after a power cut: one wait for the disk, not one a document.
        os.sync()

    def read_back(self, items: Sequence[OutboxItem], payloads: Payloads) -> dict[str, Held]:
        held = {}
        for item in items:
            try:
                content = (self.folder / file_name(item.document_id)).read_bytes()
            except FileNotFoundError:
                continue
            held[item.item_key] = Held(hashlib.sha256(content).hexdigest())
        return held

    def totals(self, items: Sequence[OutboxItem]) -> dict[str, ControlTotal]:
        """Counted from the batch's CSV as it lies there, for the rows whose document lies beside it."""
        invoices, _ = self._batch_paths(items)
        if not invoices.exists():
            return {}
        with invoices.open(encoding="utf-8", newline="") as file:
            return _totals(
                (row["currency"], Decimal(row["total"]))
                for row in csv.DictReader(file)
                if (self.folder / Path(row["file"]).name).exists()
            )

    def _batch_paths(self, items: Sequence[OutboxItem]) -> tuple[Path, Path]:
        stem = f"batch-{items[0].batch:06d}"
        return self.folder / f"{stem}.invoices.csv", self.folder / f"{stem}.manifest.json"


def file_name(document_id: str) -> str:
    """One file name for one document id: letters, digits, dots and dashes as they are, slashes as underscores.

    Anything else is percent-encoded, so that no id can leave the folder or share a name with another.
    """
    if _PLAIN.fullmatch(document_id) and document_id[0] not in _NOT_FIRST and len(document_id) <= _LONGEST_NAME:
        return f"{document_id.replace('/', '_')}.json"  # what the rest comes to where nothing needs encoding
    # quote leaves "_" and "~" alone, which mean something here.
    parts = [quote(part, safe="").replace("_", "%5F").replace("~", "%7E") for part in document_id.split("/")]
    name = "_".join(parts)
    if name[0] in _NOT_FIRST:
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name) > _LONGEST_NAME:
        name = f"{name[:100]}~{hashlib.sha256(document_id.encode()).hexdigest()}"
    return f"{name}.json"


def safe_text(text: str) -> str:
    """`text` as a CSV cell that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _invoices_csv(items: Sequence[OutboxItem]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")  # RFC 4180
    writer.writerow(_COLUMNS)
    for item in items:
        writer.writerow(
            [
                safe_text(item.document_id),
                safe_text(item.number),
                item.kind,
                safe_text(item.selling_entity),
                safe_text(item.contract_id),
                safe_text(item.account_id),
                item.bill_date.isoformat(),
                item.issue_date.isoformat(),
                item.due_date.isoformat(),
                safe_text(item.currency),
                decimal_text(item.total),  # a number, its minus sign included
                file_name(item.document_id),
                item.payload_hash,
            ]
        )
    return buffer.getvalue().encode("utf-8")


def _totals(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, ControlTotal]:
    totals: dict[str, ControlTotal] = {}
    for currency, amount in amounts:
        before = totals.get(currency, ControlTotal(0, Decimal(0)))
        totals[currency] = ControlTotal(before.documents + 1, before.amount + amount)
    return dict(sorted(totals.items()))


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
