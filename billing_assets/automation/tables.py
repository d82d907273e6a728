"""The tables that steps write before dbt: names and descriptions, read from the rooms' schema files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_CREATE = re.compile(r"create (?:table if not exists|or replace view) (\w+)\.(\w+)")


@dataclass(frozen=True)
class RawTable:
    """One raw table: where it is, what a row is, and who answers for it."""

    schema: str
    name: str
    description: str
    group: str
    owner: str


def tables_of(schema_file: Path, group: str) -> tuple[RawTable, ...]:
    """Tables in the order of the file; a table's description is the comment block above it."""
    found = []
    comment: list[str] = []
    for line in schema_file.read_text(encoding="utf-8").splitlines():
        match = _CREATE.search(line)
        if line.startswith("--"):
            comment.append(line.removeprefix("--").strip())
        elif match:
            text = " ".join(comment) or f"{match[2].replace('_', ' ').capitalize()} of landed evidence.".strip()
            found.append(RawTable(match[1], match[2], text, group, "team:data-engineering"))
            comment = []
        elif not line.startswith(" "):
            comment = []
    return tuple(found)


RAW_TABLES = tuple(
    table
    for room in ("landing", "metering")
    for table in tables_of(_PACKAGE / room / "schema.sql", room)
    if table.schema != "raw"
)
MATCH_TABLES = tables_of(_PACKAGE / "matching" / "schema.sql", "matching")
PLAUSIBILITY_TABLES = tables_of(_PACKAGE / "controls" / "plausibility" / "schema.sql", "controls")
LEDGER_TABLES = tuple(
    RawTable("raw_ledger", name, description, "record", "team:revenue-accounting")
    for name, description in (
        ("files", "One row per registered file."),
        ("issued_documents", "One row per issued document, as the ledger froze it."),
        ("issued_lines", "One row per line of an issued document."),
        ("publications", "One row per document and target."),
        ("exceptions", "One row per exception ever seen: first-seen and closing dates."),
        ("approvals", "One row per approval the ledger holds."),
        ("runs", "One row per finished run."),
    )
)
