"""What a request is about, as it stands now: the violation, the price or terms, the document. Read, never decided.

The hash of it is bound to the request when it is made, compared when it is approved, and again when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from billing_assets.access.errors import Forbidden
from billing_assets.ledger import Ledger
from billing_assets.ledger.canonical import Json

_VIOLATION = """
    select control_id, amount, currency, row_hash, account_id, contract_id, document_id, selling_entity, period
    from marts.fct_control_violations where exception_id = ?
"""
# A charge's price is known by its hash, a whole version by the hash of its terms.
_TERMS = """
    select coalesce(charges.price_hash, versions.terms_hash), versions.account_id, versions.currency
    from raw_contracts.versions as versions
    left join raw_contracts.charges as charges
        on versions.contract_id = charges.contract_id and versions.version = charges.version and charges.charge_id = ?
    where versions.contract_id = ? and versions.version = ? and (? is null or charges.charge_id is not null)
"""


@dataclass(frozen=True)
class Thing:
    """What a request is about: its hash, its customer, its chain keys, and its money with its sign where it has any."""

    object_hash: str
    account_id: str | None
    links: tuple[str, ...] = ()
    amount: Decimal | None = None
    currency: str | None = None


def violation(connection: duckdb.DuckDBPyConnection, exception_id: str) -> Thing:
    """The violation that an exception is today. Raises Forbidden where the controls do not find it any more."""
    row = connection.execute(_VIOLATION, [exception_id]).fetchone()
    if row is None:
        raise Forbidden(f"{exception_id} is no exception that the controls find today: see the exceptions report")
    control, amount, currency, row_hash, account, contract, document, entity, period = row
    links = [f"control:{control}", f"period:{entity}/{period}"]
    links += [f"{kind}:{key}" for kind, key in (("contract", contract), ("document", document)) if key]
    return Thing(row_hash, account, tuple(links), amount, currency)


def terms(connection: duckdb.DuckDBPyConnection, contract_id: str, charge_id: str | None, version: int) -> Thing:
    """A landed contract version, or one charge's price of it. Raises Forbidden where none has landed."""
    row = connection.execute(_TERMS, [charge_id, contract_id, version, charge_id]).fetchone()
    if row is None:
        what = f"charge {charge_id} of " if charge_id else ""
        raise Forbidden(f"no {what}version {version} of contract {contract_id} has landed")
    object_hash, account, currency = row
    return Thing(object_hash, account, (f"contract:{contract_id}",), None, currency)


def document(ledger: Ledger, name: str) -> Thing:
    """An issued document, by id or number, with what is left of it. Raises Forbidden where there is none."""
    found = ledger.document(name)
    if found is None:
        raise Forbidden(f"{name} is no issued document")
    period = f"period:{found.selling_entity}/{found.close_period}"
    links = (f"document:{found.document_id}", f"contract:{found.contract_id}", period)
    return Thing(found.content_hash, found.account_id, links, found.left, found.currency)


def month(ledger: Ledger, selling_entity: str, period: str) -> Thing:
    """A month of a selling entity, in the version that it has: once another one is begun, the request is void."""
    at = ledger.period_states().get((selling_entity, period))
    version = at.version if at else 1
    return Thing(f"{selling_entity}/{period}.v{version}", None, (f"period:{selling_entity}/{period}",))


def standing_hash(
    connection: duckdb.DuckDBPyConnection | None, ledger: Ledger, what: str, subject: Mapping[str, Json]
) -> str:
    """The hash of what a request is about, as it stands now. Raises Forbidden where it is there no more."""
    if what == "period_reopen":
        return month(ledger, str(subject["selling_entity"]), str(subject["period"])).object_hash
    if "document_id" in subject:
        return document(ledger, str(subject["document_id"])).object_hash
    if connection is None:
        raise Forbidden("what the request is about cannot be read: run `billing run` first")
    if "exception_id" in subject:
        return violation(connection, str(subject["exception_id"])).object_hash
    charge = subject.get("charge_id")
    version = int(str(subject["version"]))
    return terms(connection, str(subject["contract_id"]), str(charge) if charge else None, version).object_hash
