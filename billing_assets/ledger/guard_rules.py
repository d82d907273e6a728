"""What the guards of every database refuse, as conditions that SQLite and PostgreSQL both read."""

from __future__ import annotations

from sqlalchemy import Table

from billing_assets.ledger.canonical import GENESIS
from billing_assets.ledger.tables import DENSE, ENTRY, NUMBER_STARTS, keys_of

# A nightly run and a person's approval meet for moments only; longer than this another run holds the ledger.
WAIT_SECONDS = 10
# Execution option of a connection that is going to write: it takes the write lock at its beginning, so that what
# it read (heads, numbers) is still true when it writes.
WRITES = "ledger_writes"


def refusal(table: str) -> str:
    """What is said to whoever changes or removes rows of `table`."""
    return f"{table} is append-only: corrections are new entries"


def insert_checks(table: Table, differs: str) -> list[tuple[str, str]]:
    """(condition on NEW, message) under which a row is refused. `differs`: the database's null-safe "is not"."""
    checks = []
    for key in keys_of(table):
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        checks.append(
            (
                f"EXISTS (SELECT 1 FROM {table.name} WHERE {same})",
                f"{table.name} has this {', '.join(key)} already",
            )
        )
    for counter, within in DENSE.get(table.name, []):
        same = " AND ".join(f"{column} = NEW.{column}" for column in within) or "TRUE"
        before = "0"
        if counter == "number_no":
            # A range that another system began goes on where that one stopped.
            start = f"SELECT next_no FROM {NUMBER_STARTS.name} WHERE {same}"
            before = f"coalesce(({start}), 1) - 1"
        last = f"(SELECT coalesce(max({counter}), {before}) FROM {table.name} WHERE {same})"
        checks.append((f"NEW.{counter} {differs} {last} + 1", f"{table.name}.{counter} is out of order"))
    if table is NUMBER_STARTS:
        begun = "selling_entity = NEW.selling_entity AND kind = NEW.kind"
        checks.append((f"EXISTS (SELECT 1 FROM issued_documents WHERE {begun})", "the number range has begun"))
        checks.append(("NEW.next_no < 1", "a number range begins at 1 or later"))
    last_entry = "(SELECT coalesce(max(sequence), 0) FROM entry)"
    if table is ENTRY:
        last_hash = f"coalesce((SELECT hash FROM entry WHERE sequence = {last_entry}), '{GENESIS}')"
        checks.append((f"NEW.previous_hash {differs} {last_hash}", "entry does not continue the chain"))
    else:
        # An entry seals its rows: they are written before it, and nothing joins them afterwards.
        checks.append((f"NEW.entry_sequence <= {last_entry}", f"{table.name} row comes after its entry"))
    return checks
