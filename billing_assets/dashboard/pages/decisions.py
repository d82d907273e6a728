"""What people asked for and decided: what waits for whom, waivers, holds, what ended; one decision with its answers.

Read live from the record: a request made a minute ago is here, the run that takes it up may be tomorrow's.
"""

from __future__ import annotations

from billing_assets.dashboard import decided
from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.decided import Live
from billing_assets.dashboard.pages import acts, links
from billing_assets.dashboard.tables import Choice, Column, Table, only

# A waiver that ends within a week is looked at before it does.
_SOON_DAYS = 7


def _about_link(row: Row) -> str | None:
    """Where the thing decided on is shown: a document, an exception, a month."""
    if row.get("document_id"):
        return links.invoice(row)
    if row.get("exception_id"):
        return links.exception(row)
    if row.get("period"):
        return links.month(row)
    return None


_REQUEST = Column("request_no", "No.", "number", links.request)
_HIDDEN = tuple(
    Column(name, name.replace("_", " ").capitalize(), "hidden")
    for name in (
        "requested_by", "role", "on_behalf_of", "reason_code", "exception_id", "document_id", "contract_id",
        "selling_entity", "period", "account_id", "object_hash",
    )
)  # fmt: skip


def requests(live: Live, where: str, **parts: object) -> Table:
    """Requests of the record that fit `where`."""
    table = Table(
        name="requests",
        title="Waiting for approval",
        needs=(),
        query=f"select * from live_requests where {where}",
        columns=(
            _REQUEST,
            Column("what", "What", "words"),
            Column("about", "About", "id", _about_link),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("exposure_usd", "Exposure, USD", "money", currency="usd"),
            Column("still_needs", "Still needs"),
            Column("asker", "Asked by"),
            Column("recorded_on", "on", "day"),
            Column("reason", "Reason", "long"),
            Column("approvers", "Approved by", "hidden"),
            Column("expires_on", "Until", "hidden"),
            *_HIDDEN,
        ),
        order="recorded_on, request_no",
        choices=(Choice("what", "What", "what"), Choice("by", "Asked by", "requested_by")),
        search=("about", "requested_by", "reason"),
        empty="No request waits for an approval.",
        problem=live.problem,
        page_size=25,
    )
    return only(table, **parts)


def holds(live: Live, where: str = "state = 'standing'", **parts: object) -> Table:
    """Holds of the record that fit `where`."""
    table = Table(
        name="holds",
        title="Standing holds",
        needs=(),
        query=f"select *, case when level = 'document' then key end as document_id from live_holds where {where}",
        columns=(
            Column("hold_no", "No.", "number", lambda row: f"/decisions/{row['hold_no']}"),
            Column("level", "Level", "words"),
            Column("key", "Held", "id", _about_link),
            Column("state", "State", "status"),
            Column("who", "Held by"),
            Column("actor", "User", "hidden"),
            Column("recorded_on", "on", "day"),
            Column("expires_on", "Until", "day"),
            Column("reason", "Reason", "long"),
            Column("released_by", "Released by", "hidden"),
            Column("released_on", "Released", "hidden"),
        ),
        order="recorded_on, hold_no",
        empty="Nothing is held by a person.",
        problem=live.problem,
        page_size=25,
    )
    return only(table, **parts)


def _waivers(ask: Ask, live: Live) -> Table:
    """Approved waivers with the day they end, and whether they still cover what the last run found."""
    violations = "marts.fct_control_violations"
    hashed = f"select exception_id, any_value(row_hash) as row_hash from {violations} group by exception_id"
    if "row_hash" not in ask.snapshot.columns(violations):
        hashed = "select '' as exception_id, '' as row_hash where false"
    return requests(
        live,
        "true",
        name="waivers",
        title="Waivers",
        query=f"""
            select requests.*,
                case when violations.row_hash is null then 'gone'
                    when violations.row_hash = requests.object_hash then 'covered' else 'changed' end as covers
            from live_requests as requests left join ({hashed}) as violations using (exception_id)
            where what = 'waiver' and state in ('approved', 'expired')
        """,
        columns=(
            _REQUEST,
            Column("exception_id", "Exception", "short", links.exception),
            Column("state", "State", "status"),
            Column("expires_on", "Until", "day"),
            Column("days_left", "Days left", "number"),
            Column("covers", "Last run", "status"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("asker", "Asked by"),
            Column("approvers", "Approved by"),
            Column("approved_on", "on", "day"),
            Column("reason", "Reason", "long"),
            *(column for column in _HIDDEN if column.name != "exception_id"),
        ),
        order="state, expires_on, request_no",
        choices=(Choice("state", "State", "state"),),
        defaults={"state": "approved"},
        search=(),
        note="Covered: the last run found the exception as it was waived. Changed: another amount or other rows, which "
        "the waiver does not cover. Gone: the controls do not find it any more.",
        empty="No waiver is in force.",
    )


def _approved(live: Live) -> Table:
    return requests(
        live,
        "what <> 'waiver' and state = 'approved'",
        name="approved",
        title="Approved",
        query="select *, case when is_carried_out then 'carried out' when what in ('credit', 'rebill', 'void') "
        "then 'waiting' else 'approved' end as stands from live_requests "
        "where what <> 'waiver' and state = 'approved'",
        columns=(
            _REQUEST,
            Column("what", "What", "words"),
            Column("about", "About", "id", _about_link),
            Column("stands", "State", "status"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("exposure_usd", "Exposure, USD", "hidden"),
            Column("asker", "Asked by"),
            Column("approvers", "Approved by"),
            Column("approved_on", "on", "day"),
            Column("reason", "Reason", "long"),
            *_HIDDEN,
        ),
        order="approved_on desc, request_no desc",
        choices=(Choice("what", "What", "what"), Choice("stands", "State", "stands")),
        search=(),
        note="A correction that waits is carried out by the next run, or by billing issue where that can be.",
        empty="Nothing but waivers is approved.",
    )


def all_requests(live: Live, where: str, **parts: object) -> Table:
    """Requests in whatever state, as a page about their object shows them."""
    table = requests(
        live,
        where,
        columns=(
            _REQUEST,
            Column("what", "What", "words"),
            Column("about", "About", "id", _about_link),
            Column("state", "State", "status"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("asker", "Asked by"),
            Column("recorded_on", "on", "day"),
            Column("approvers", "Approved by"),
            Column("expires_on", "Until", "day"),
            Column("reason", "Reason", "long"),
            *_HIDDEN,
        ),
        order="recorded_on desc, request_no desc",
        choices=(),
        search=(),
    )
    return only(table, **parts)


def _ended(live: Live) -> Table:
    return all_requests(
        live,
        "state in ('rejected', 'withdrawn') or (state = 'expired' and what <> 'waiver')",
        name="ended",
        title="Rejected, withdrawn, expired",
        choices=(Choice("state", "State", "state"),),
        empty="No request was rejected or withdrawn, and none has expired.",
    )


def log(live: Live, where: str = "true", **parts: object) -> Table:
    """Decisions of the record, each with whether it counts."""
    table = Table(
        name="log",
        title="Every decision",
        needs=(),
        query=f"select * from live_decisions where {where}",
        columns=(
            Column("decision_no", "No.", "number", links.decision),
            Column("recorded_on", "On", "day"),
            Column("decision", "Decision", "words"),
            Column("what", "What", "words"),
            Column("about", "About", "long"),
            Column("request_no", "Answers", "number", links.request),
            Column("who", "By"),
            Column("state", "State", "status"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "hidden"),
            Column("actor", "User", "hidden"),
            Column("role", "Role", "hidden"),
            Column("on_behalf_of", "On behalf of", "hidden"),
            Column("why", "Why it does not count", "hidden"),
            Column("reason", "Reason", "long"),
        ),
        order="decision_no desc",
        choices=(
            Choice("decision", "Decision", "decision"),
            Choice("what", "What", "what"),
            Choice("actor", "By", "actor"),
            Choice("state", "State", "state"),
        ),
        search=("about", "reason"),
        empty="Nobody has decided anything yet.",
        problem=live.problem,
        page_size=25,
    )
    return only(table, **parts)


def overview(ask: Ask) -> Page:
    """What waits for whom first, then what is in force, then what ended, then everything."""
    live = decided.register(ask)
    sums = ask.snapshot.rows(
        "select currency, sum(amount) as amount from live_requests "
        "where state = 'waiting' and amount is not null group by currency order by currency"
    )
    [counts] = ask.snapshot.rows(
        """
        select
            (select count(*) from live_requests where state = 'waiting') as waiting,
            (select count(*) from live_requests where what = 'waiver' and state = 'approved') as waivers,
            (select count(*) from live_requests
                where what = 'waiver' and state = 'approved' and days_left <= $soon) as ending,
            (select count(*) from live_holds where state = 'standing') as holds,
            (select count(*) from live_decisions where state = 'does not count') as voids
        """,
        {"soon": _SOON_DAYS},
    )
    return Page(
        "decisions.html",
        "Decisions",
        tables=(
            requests(live, "state = 'waiting'"),
            _waivers(ask, live),
            holds(live),
            _approved(live),
            _ended(live),
            log(live),
        ),
        facts={"sums": sums, "counts": counts, "soon": _SOON_DAYS, "live": not live.problem},
        has_scope=False,
        notice=live.notice,
    )


def decision(ask: Ask) -> Page:
    """One decision: what it is about, what became of it, every answer to it, and what can be done now."""
    live = decided.register(ask)
    number = ask.parts["decision_no"]
    found = ask.snapshot.rows(
        "select * from live_decisions where cast(decision_no as varchar) = $number", {"number": number}
    )
    if not found:
        raise UnknownKey(live.problem or f"There is no decision {number}.")
    row = found[0]
    # An answer is shown on the page of what it answers.
    asked = row["request_no"] or row["decision_no"]
    request = ask.snapshot.rows("select * from live_requests where request_no = $number", {"number": asked})
    held = ask.snapshot.rows("select * from live_holds where hold_no = $number", {"number": asked})
    return Page(
        "decision.html",
        f"Decision {number}",
        crumbs=(("Decisions", "/decisions"),),
        tables=(
            log(
                live,
                "decision_no = $asked or request_no = $asked",
                title="The decision and its answers" if request or held else "The decision",
                values={"asked": asked},
                order="decision_no",
                choices=(),
                search=(),
            ),
        ),
        facts={
            "row": row,
            "request": request[0] if request else None,
            "hold": held[0] if held else None,
            "about_link": _about_link(request[0]) if request else None,
            "held_link": _about_link({"document_id": held[0]["key"] if held[0]["level"] == "document" else None})
            if held
            else None,
            "commands": acts.on_request(request[0]) if request else acts.on_hold(held[0]) if held else (),
        },
        has_scope=False,
        notice=live.notice,
    )
