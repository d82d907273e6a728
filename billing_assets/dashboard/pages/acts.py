"""The commands by which people act on what a page shows: the exact text to copy, what is to be filled in in capitals.

Belongs here: text only. The dashboard runs none of them; who may is judged when they are run.
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from billing_assets.dashboard.data import Row

# What it does, and the command.
Command = tuple[str, str]
_REASON = "--reason TEXT"


def on_request(request: Row) -> tuple[Command, ...]:
    """Answers to a request that waits, and what carries an approved one out."""
    number = request["request_no"]
    if request["state"] == "waiting":
        return (
            ("Approve", f"billing approve {number} {_REASON}"),
            ("Reject", f"billing reject {number} {_REASON}"),
            ("Take back (who asked)", f"billing withdraw {number} {_REASON}"),
        )
    if request["state"] != "approved" or request["is_carried_out"]:
        return ()
    if request["what"] in ("credit", "rebill", "void"):
        return (("Carry out now", "billing issue"),)
    if request["what"] == "period_reopen":
        return (("Reopen", f"billing period reopen {request['selling_entity']} {request['period']} {_REASON}"),)
    return ()


def on_hold(hold: Row) -> tuple[Command, ...]:
    """The release of a hold that stands."""
    return (("Release", f"billing release {hold['hold_no']} {_REASON}"),) if hold["state"] == "standing" else ()


def on_exception(row: Row, requests: Sequence[Row], holds: Sequence[Row]) -> tuple[Command, ...]:
    """Waive it or answer the waiver that waits; hold or release its document."""
    found: list[Command] = []
    waiting = [request for request in requests if request["state"] == "waiting"]
    for request in waiting:
        found += [(f"{label} the waiver", command) for label, command in on_request(request)]
    if row["status"] == "open" and not waiting:
        found.append(("Ask for a waiver", f"billing waive {row['exception_id']} --until YYYY-MM-DD {_REASON}"))
    return (*found, *_holding(row["document_id"], holds))


def _holding(document_id: str | None, holds: Sequence[Row]) -> tuple[Command, ...]:
    released = tuple(command for hold in holds for command in on_hold(hold))
    if document_id and not released:
        return (("Hold its document", f"billing hold document {quote(document_id)} {_REASON}"),)
    return released


def on_document(
    header: Row, *, left: bool, offered: bool, requests: Sequence[Row], holds: Sequence[Row], rejected: Sequence[str]
) -> tuple[Command, ...]:
    """Correct an issued document, or hold or release one that is not sent. `left` = something can still be credited.

    `rejected` are the outbox items that a target refused.
    """
    found: list[Command] = [("Let it be sent again", f"billing resend {quote(item)} {_REASON}") for item in rejected]
    for request in requests:
        found += [(f"{label} {request['request_no']}", command) for label, command in on_request(request)]
    name = header["number"]
    if name and header["status"] != "void":
        code = f"--reason-code CODE {_REASON}"
        if left and header["kind"] == "invoice":
            found += [
                ("Ask for a credit in full", f"billing credit {quote(name)} {code}"),
                ("Ask for a credit of one line", f"billing credit {quote(name)} --line N=AMOUNT {code}"),
                ("Ask for a rebill", f"billing rebill {quote(name)} {code}"),
            ]
        if not offered:
            found.append(("Ask to void it: nothing was sent", f"billing void {quote(name)} {code}"))
    unsent = not name or not offered
    released = tuple(command for hold in holds for command in on_hold(hold))
    holding = _holding(header["document_id"], holds) if unsent else released
    return (*found, *holding)


def on_month(entity: str, period: str, state: str, requests: Sequence[Row]) -> tuple[Command, ...]:
    """The next step of a month."""
    month = f"{quote(entity)} {quote(period)}"
    if state == "open":
        return (("Soft close", f"billing period soft-close {month} {_REASON}"),)
    if state == "soft_closed":
        return (("Lock", f"billing period lock {month} {_REASON}"),)
    live = [command for request in requests for command in on_request(request)]
    verify = ("Verify its files", f"billing period verify {month}")
    return (*(live or [("Ask to reopen", f"billing request period-reopen {month} {_REASON}")]), verify)
