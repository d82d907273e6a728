"""The tables that steps write before dbt: names and descriptions, read from the rooms' schema files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_CREATE = re.compile(r"create (?:(?:table|view) if not exists|or replace view) (\w+)\.(\w+)")


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
CLOSE_TABLES = tables_of(_PACKAGE / "close" / "schema.sql", "close")
LEDGER_TABLES = tuple(
    RawTable("raw_ledger", name, description, "record", "team:revenue-accounting")
    for name, description in (
        ("files", "One row per registered file."),
        ("issued_documents", "One row per issued document, as the ledger froze it."),
        ("issued_lines", "One row per line of an issued document."),
        ("publications", "One row per document and target."),
        ("publication_attempts", "One row per step of a delivery: what a target was asked, or answered."),
        ("control_totals", "One row per comparison of a batch and currency with what its target says it has."),
        ("exceptions", "One row per exception ever seen: first-seen and closing dates."),
        ("approvals", "One row per approved request for a price, a discount or terms that counts."),
        ("waivers", "One row per approved waiver that counts."),
        ("holds", "One row per hold that stands."),
        ("decisions", "One row per decision, with its state; void = a rule refuses it, so that it counts for nothing."),
        ("number_starts", "One row per number range that another system began: the first number given here."),
        ("corrections", "One row per bill date that is to be drafted again."),
        ("period_states", "One row per selling entity and month that has taken a step towards its lock."),
        ("period_events", "One row per step of a month: soft close, lock, reopening."),
        ("runs", "One row per finished run."),
    )
)
