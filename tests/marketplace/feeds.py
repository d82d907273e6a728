"""Seller data feeds written by hand or by the simulation: rows as plain text values, files as AWS lays them out."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

Row = dict[str, str]

HISTORY = ["valid_from", "insert_date", "update_date", "delete_date"]
COLUMNS = {
    "billingeventfeed": [
        *("billing_event_id", "from_account_id", "to_account_id", "end_user_account_id", "product_id", "action"),
        *("transaction_type", "parent_billing_event_id", "disbursement_billing_event_id", "amount", "currency"),
        *("balance_impacting", "invoice_date", "payment_due_date", "usage_period_start_date"),
        *("usage_period_end_date", "invoice_id", "billing_address_id", "transaction_reference_id"),
        *("buyer_transaction_reference_id", "bank_trace_id", "broker_id", "agreement_id", "offer_id"),
        *("buyer_invoice_id", "buyer_invoice_date", "line_item_id", "buyer_line_item_id", "invoice_variant"),
        *("charge_variant", "charge_side", "action_date", "disbursement_amount", "disbursement_currency"),
        *("disbursement_reference_number", "recipient_account_id", "catalog"),
    ],
    "agreementfeed": [
        *("agreement_id", "proposer_account_id", "acceptor_account_id", "offer_id", "offer_revision_at_acceptance"),
        *("start_time", "end_time", "acceptance_time", "intent", "preceding_agreement_id", "status"),
        *("estimated_agreement_value", "currency_code", "recipient_account_id", "catalog"),
    ],
    "legacyidmappingfeed": ["mapping_type", "legacy_id", "new_id"],
    "offerfeed": [
        *("offer_id", "offer_revision", "name", "expiration_date", "opportunity_id", "seller_account_id"),
        *("recipient_account_id", "catalog"),
    ],
}


@dataclass
class Feeds:
    """Rows by feed in the order they were delivered; `write` lays them into the month files of a landing zone."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def add(self, feed: str, *, seen: str, **values: str) -> Row:
        """A row of `feed` whose history columns all say `seen` (ISO time) unless `values` say otherwise."""
        row = dict.fromkeys([*COLUMNS[feed], *HISTORY], "")
        row |= {"valid_from": seen, "insert_date": seen, "update_date": seen}
        unknown = set(values) - set(row)
        assert not unknown, f"{feed} has no {unknown}"
        row |= values
        self.rows[feed].append(row)
        return row

    def event(self, *, seen: str, **values: str) -> Row:
        return self.add("billingeventfeed", seen=seen, **values)

    def files(self) -> dict[str, bytes]:
        """Path below the landing root -> content. A row stands in the month of its update_date."""
        months: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for feed, rows in self.rows.items():
            for row in rows:
                months[feed, row["update_date"][:7]].append(row)
        return {
            f"aws_marketplace/{feed}_v1/year={month[:4]}/month={month[5:]}/data.csv": as_csv(
                [*COLUMNS[feed], *HISTORY], rows
            )
            for (feed, month), rows in months.items()
        }

    def write(self, root: Path) -> Path:
        for path, content in self.files().items():
            put(root, path, content)
        return root


def as_csv(columns: list[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def put(root: Path, path: str, content: bytes) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
