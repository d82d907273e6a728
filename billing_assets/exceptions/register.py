"""Hands what the controls found to the record: the ledger notes when an exception is first seen, closes, reopens.

Belongs here: reading the violations of this run as sightings. What a closed exception was about is told by the facts
given at its first sighting, as nothing else of it is left.
"""

from __future__ import annotations

import json
from datetime import date

from billing_assets.ledger import ExceptionSighting, Ledger, RunIdentity
from billing_assets.warehouse import Warehouse

_SIGHTINGS = """
    select exception_id, control_id, period, violation_key, code, selling_entity, channel, account_id, contract_id,
        document_id, cast(amount as varchar) as amount, currency, direction
    from marts.fct_control_violations
    order by exception_id
"""


def register(warehouse: Warehouse, ledger: Ledger, as_of: date, run: RunIdentity | None = None) -> int:
    """Record every exception there is now, closing those that are gone. Returns how many there are."""
    with warehouse.reader() as connection:
        cursor = connection.execute(_SIGHTINGS)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    seen = [
        ExceptionSighting(
            exception_id=row.pop("exception_id"),
            control_id=row.pop("control_id"),
            period=row.pop("period"),
            business_key=json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
        )
        for row in rows
    ]
    ledger.record_exceptions(seen, as_of, run)
    return len(seen)
