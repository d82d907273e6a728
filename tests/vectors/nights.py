"""Nights over a landing zone of vectors: the real steps in this process, and what they leave of each contract.

Belongs here: files, the run, and reading figures back. What a vector means as a contract is in `terms`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from billing_assets.automation.nightly import Nightly
from billing_assets.settings import Settings
from tests.vectors.vector import Json

Row = dict[str, Any]
# Structural tests look at every night of the sample; here they would be most of the time.
_WITHOUT_TESTS = ["--exclude-resource-type", "unit_test", "test"]

# What is read of a night that issues nothing, and all that it is made of.
_DRAFTED = "+fct_draft_invoices +fct_draft_invoice_lines +int_credit_balances__rolled +int_terms__unsupported"

# What a later night would build as it stands: views, seeds, and what is made of feeds that no vector has.
_STANDING = ["config.materialized:view", "resource_type:seed", "path:models/intermediate/marketplace",
             "path:models/marts/marketplace", "path:models/intermediate/reconciliation",
             "path:models/marts/reconciliation"]  # fmt: skip


@dataclass
class Zone:
    """Contract documents and events on their way to a landing zone; each `write` adds files beside the earlier ones."""

    root: Path
    contracts: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    written: int = 0
    named: int = 0

    def event(self, subject: str, meter: str, moment: datetime, quantity: str | None, properties: Json) -> str:
        """One event; the moment has a zone. Returns its id."""
        self.named += 1
        name = f"e{self.named:06d}"
        data = dict(properties) if quantity is None else {"quantity": quantity, **properties}
        time = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        self.events.append({"specversion": "1.0", "id": name, "source": "/vectors", "type": meter, "subject": subject,
                            "time": time, "data": data})  # fmt: skip
        return name

    def write(self) -> None:
        """What has gathered since the last time, as one file of contracts and one of usage."""
        self.written += 1
        for folder, rows in (("contracts", self.contracts), ("usage", self.events)):
            path = (
                self.root
                / folder
                / (f"{self.written:03d}.json" if folder == "contracts" else f"{self.written:03d}.jsonl")
            )
            if rows:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self.contracts, self.events = [], []


@dataclass
class Figures:
    """What one night computed of one contract."""

    lines: list[Row] = field(default_factory=list)  # drafts due by the business date
    issued: list[Row] = field(default_factory=list)  # lines of the record
    rated: list[Row] = field(default_factory=list)
    balances: list[Row] = field(default_factory=list)
    held: list[str] = field(default_factory=list)  # reasons of CON-05
    quarantined: list[str] = field(default_factory=list)  # rows of its files that were set aside


_READ = {
    "lines": "select l.*, d.bill_date, d.contract_id from marts.fct_draft_invoice_lines l "
             "join marts.fct_draft_invoices d using (document_id) where d.is_due order by l.document_id, l.line_no",
    "issued": "select l.*, d.bill_date, d.contract_id from raw_ledger.issued_lines l "
              "join raw_ledger.issued_documents d using (document_id) order by l.document_id, l.line_no",
    "rated": "select * from intermediate.int_usage__rated order by contract_id, charge_id, group_key, service_from",
    "balances": "select * from intermediate.int_credit_balances__rolled order by contract_id, grant_id, period",
}  # fmt: skip
_HELD = "select contract_id, string_agg(distinct term_id || ': ' || reason, '; ') from " \
        "intermediate.int_terms__unsupported group by contract_id"  # fmt: skip
# Every row of a vector names its contract, which is known by a mark that no other text has.
_SET_ASIDE = "select regexp_extract(original, ?), reason from raw_landing.quarantine order by reason"
CONTRACT = "V[0-9]{5}"


class Nights:
    """Business days over one home; a night issues its documents, or only drafts them."""

    def __init__(self, root: Path) -> None:
        self.zone = Zone(root / "landing")
        self._home = root / "home"
        self._dbt: Any = None

    def run(self, as_of: date, *, issue: bool) -> dict[str, Figures]:
        """Land what has gathered, bill it, and give the figures of each contract."""
        self.zone.write()
        night = Nightly(Settings(landing=self.zone.root, home=self._home, as_of=as_of, threads=2, targets=("file",)))
        standing = [] if self._dbt is None else ["--exclude", *_STANDING]
        night.dbt = self._dbt = self._dbt or night.dbt  # the project is read once for all nights
        night.land()
        night.prepare()
        night.match()
        self._build(night, ["--select", *("tag:phase_a" if issue else _DRAFTED).split(), *standing])
        if issue:
            night.publish()
        return self._read(night)

    @staticmethod
    def _build(night: Nightly, chosen: list[str]) -> None:
        night.dbt.follow(["build", *chosen, *_WITHOUT_TESTS])

    def _read(self, night: Nightly) -> dict[str, Figures]:
        found: defaultdict[str, Figures] = defaultdict(Figures)
        with night.warehouse().reader() as connection:
            for name, query in _READ.items():
                for row in _rows(connection, query):
                    getattr(found[row["contract_id"]], name).append(row)
            for contract_id, reason in connection.execute(_HELD).fetchall():
                found[contract_id].held.append(reason)
            for contract_id, reason in connection.execute(_SET_ASIDE, [CONTRACT]).fetchall():
                found[contract_id].quarantined.append(reason)
        return found


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterable[Row]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    for values in result.fetchall():
        yield dict(zip(names, values, strict=True))
