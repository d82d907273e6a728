"""The content hash of a document that is drawn up here and not by dbt: a credit memo.

The twin of the macros document_text and line_text in dbt_project/macros/invoicing: control INV-04 computes every issued
document's hash with them, so the two cannot part.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from billing_assets.ledger import IssueLine, IssueRequest
from billing_assets.ledger.canonical import decimal_text, sha256_text

_FIELD, _RECORD = chr(31), chr(30)

_Value = str | int | date | Decimal | None


def content_hash(request: IssueRequest) -> str:
    """SHA-256 of the canonical text of header and lines; the request's own `content_hash` is no part of it."""
    header = _joined(
        request.document_id,
        request.kind,
        request.contract_id,
        request.account_id,
        request.channel,
        request.selling_entity,
        request.currency,
        request.bill_date,
        request.period_from,
        request.period_to,
        request.close_period,
        request.subtotal,
        request.discount,
        request.credit_applied,
        request.tax,
        request.total,
        request.paid_from_credits,
        request.revision,
        request.corrects_document_id or "",
    )
    lines = sorted(request.lines, key=lambda line: line.line_no)
    return sha256_text(_RECORD.join([header, *(_line(line) for line in lines)]))


def _line(line: IssueLine) -> str:
    return _joined(
        line.line_no,
        "" if line.parent_line_no is None else line.parent_line_no,
        line.charge_id or "",
        line.reference_id or "",
        line.line_kind,
        line.product or "",
        line.meter or "",
        line.group_key,
        line.service_from,
        line.service_to,
        "" if line.quantity is None else line.quantity,
        line.unit or "",
        "" if line.unrounded_amount is None else line.unrounded_amount,
        line.amount,
        line.currency,
        "" if line.price_version is None else line.price_version,
        line.original_period or "",
    )


def _joined(*values: _Value) -> str:
    """As SQL's concat_ws: what is null is left out, separator and all."""
    return _FIELD.join(_texts(values))


def _texts(values: Iterable[_Value]) -> Iterable[str]:
    for value in values:
        if isinstance(value, Decimal):
            yield decimal_text(value)
        elif isinstance(value, date):
            yield value.isoformat()
        elif value is not None:
            yield str(value)
