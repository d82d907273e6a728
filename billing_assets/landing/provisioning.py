"""Provisioning rows: what a customer was given, when, in what state.

Belongs here: the columns of provisioning/*.csv and their checks. Comparing with contracts is a control.
"""

from collections.abc import Iterator
from typing import TextIO

from billing_assets.landing import delimited
from billing_assets.landing.columns import BadColumn, Columns
from billing_assets.landing.prices import Row
from billing_assets.landing.quarantine import Fault, cut

COLUMNS = (
    "organization_id", "account_id", "contract_id", "product", "status", "quantity", "valid_from", "valid_to",
)  # fmt: skip
STATUSES = ("provisioned", "suspended", "deprovisioned")


def read(stream: TextIO) -> Iterator[tuple[int, Row | Fault]]:
    """Every row of a file as (line, Row) or (line, Fault). Raises delimited.MissingColumns."""
    for line, values in delimited.read(stream, COLUMNS):
        yield line, values if isinstance(values, Fault) else _row(values, line)


def _row(values: delimited.Record, line: int) -> Row | Fault:
    columns = Columns(values)
    try:
        valid_from, valid_to = columns.required_day("valid_from"), columns.day("valid_to")
        if valid_to is not None and valid_to < valid_from:
            raise BadColumn("time", "valid_to", "before valid_from")
        return {
            "organization_id": columns.text("organization_id"),
            "account_id": columns.required("account_id"),
            "contract_id": columns.text("contract_id"),
            "product": columns.required("product"),
            "status": columns.choice("status", STATUSES),
            "quantity": columns.number("quantity", at_least=0),
            "valid_from": valid_from,
            "valid_to": valid_to,
        }
    except BadColumn as error:
        return Fault(error.code, error.reason, line, cut(values.original))
