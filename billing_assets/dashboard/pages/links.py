"""Where a row leads: links that many tables share."""

from __future__ import annotations

import json

from billing_assets.dashboard.ask import key
from billing_assets.dashboard.data import Row


def invoice(row: Row) -> str:
    return f"/invoices/{key(row['document_id'])}"


def receivable(row: Row) -> str | None:
    """A document that a business brought along was never issued here: it has no page."""
    return None if row["document_id"].startswith("opening/") else invoice(row)


def exception(row: Row) -> str:
    return f"/exceptions/{key(row['exception_id'])}"


def control(row: Row) -> str:
    return f"/controls/{key(row['control_id'])}"


def agreement(row: Row) -> str | None:
    return f"/marketplace/agreements/{key(row['agreement_id'])}" if row.get("agreement_id") else None


def payout(row: Row) -> str | None:
    return f"/marketplace/payouts/{key(row['payout_id'])}" if row.get("payout_id") else None


def entry(row: Row) -> str | None:
    return f"/bank/{key(row['entry_id'])}" if row.get("entry_id") else None


def file(row: Row) -> str:
    return f"/conservation/files/{key(row['path'])}"


def month(row: Row) -> str:
    return f"/periods/{key(row['selling_entity'])}/{key(row['period'])}"


def decision(row: Row) -> str | None:
    return f"/decisions/{row['decision_no']}" if row.get("decision_no") else None


def request(row: Row) -> str | None:
    return f"/decisions/{row['request_no']}" if row.get("request_no") else None


def strings(text: str | None) -> list[str]:
    """A JSON list of texts; nothing where there is none."""
    return [str(item) for item in json.loads(text)] if text else []
