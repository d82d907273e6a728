"""A person lets what a target rejected be tried again: judged by duty and role, recorded, then released.

Nothing is sent here. The next delivery reads the target back first: it may hold the document after all.
"""

from __future__ import annotations

from datetime import date

from billing_assets.access import act
from billing_assets.access.duties import Duty
from billing_assets.access.people import Actor
from billing_assets.ledger import Ledger, LedgerError


def resend(ledger: Ledger, actor: Actor, item_key: str, reason: str, as_of: date) -> int:
    """Release a rejected item; returns the decision's number. Raises LedgerError or Forbidden.

    Killed between the decision and the release, it is called again: another decision, one release.
    """
    found = [item for item in ledger.standings(is_open=True) if item.item_key == item_key]
    if not found or found[0].state != "rejected":
        state = found[0].state if found else "no open item of the outbox"
        raise LedgerError(f"{item_key} is {state}: only what was rejected is released; see `billing outbox --open`")
    document = ledger.document(found[0].document_id)
    if document is None:
        raise LedgerError(f"{found[0].document_id} is no issued document")
    links = (
        f"outbox:{item_key}",
        f"document:{document.document_id}",
        f"contract:{document.contract_id}",
        f"account:{document.account_id}",
        f"period:{document.selling_entity}/{document.close_period}",
    )
    decision = act.perform(ledger, actor, Duty.INVOICE_RELEASE, links, reason, as_of)
    ledger.release_item(item_key, decision, actor.name, as_of)
    return decision
