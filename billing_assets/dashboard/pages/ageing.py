"""What is not billed, what is billed and open, and what came in and is not applied: each by age."""

from __future__ import annotations

from decimal import Decimal

from billing_assets.dashboard import charts, show
from billing_assets.dashboard.ask import Ask, Page
from billing_assets.dashboard.pages import bank, links
from billing_assets.dashboard.tables import Choice, Column, Table, only

AGEING = "marts.fct_receivables_ageing"
UNBILLED = "marts.fct_unbilled"
ACCRUALS = "marts.fct_accruals"
# The mart's buckets in their order, and the tone of a bar: what is late is a warning, what is very late an alarm.
BUCKETS = {"current": "good", "1-30": "wait", "31-60": "wait", "61-90": "bad", "91-120": "bad", "over 120": "bad"}
_SCOPE = {"entity": "selling_entity", "channel": "channel"}
_WHERE = "($entity = '' or selling_entity = $entity) and ($channel = '' or channel = $channel)"
# How long usage may wait: within a week of its period's end, a month, two months, longer.
_UNBILLED_AGE = """
    case when age_days <= 7 then '0-7' when age_days <= 30 then '8-30' when age_days <= 60 then '31-60'
        else 'over 60' end
"""
UNBILLED_BUCKETS = {"0-7": "good", "8-30": "wait", "31-60": "bad", "over 60": "bad"}


def overview(ask: Ask) -> Page:
    """Receivables, unbilled value and unapplied cash as of the business date."""
    values = {name: ask.params.get(name, "") for name in _SCOPE}
    open_sums = ask.snapshot.rows_of(
        [AGEING],
        f"select currency, age_bucket as bucket, count(*) as documents, sum(open_amount) as amount from {AGEING} "
        f"where open_amount <> 0 and {_WHERE} group by all order by currency",
        values,
    )
    unbilled_sums = ask.snapshot.rows_of(
        [UNBILLED],
        f"select currency, {_UNBILLED_AGE} as bucket, count(*) as documents, sum(unbilled_amount) as amount "
        f"from {UNBILLED} where reason <> 'nil' and {_WHERE} group by all order by currency",
        values,
    )
    return Page(
        "ageing.html",
        "Unbilled and ageing",
        tables=(_open_items(), _accruals(), _unbilled(), _unapplied()),
        facts={
            "receivable_charts": _charts(open_sums, BUCKETS, "Open receivables by days past due"),
            "unbilled_charts": _charts(unbilled_sums, UNBILLED_BUCKETS, "Unbilled by days since the service ended"),
        },
    )


def _charts(sums: list[dict[str, object]], buckets: dict[str, str], name: str) -> list[dict[str, object]]:
    found = []
    for currency in dict.fromkeys(str(row["currency"]) for row in sums):
        own = {str(row["bucket"]): row for row in sums if row["currency"] == currency}
        marks = []
        for bucket, tone in buckets.items():
            amount = own[bucket]["amount"] if bucket in own else Decimal(0)
            assert isinstance(amount, Decimal)  # noqa: S101 - the mart's contract
            marks.append(charts.Mark(bucket, amount, show.money(amount, currency), tone))
        total = sum((mark.value or Decimal(0) for mark in marks), Decimal(0))
        found.append(
            {
                "currency": currency,
                "total": total,
                "chart": charts.bars(marks, f"{name}, {currency}", width=340, height=190),
            }
        )
    return found


def _open_items() -> Table:
    return Table(
        name="receivables",
        title="Open receivables",
        needs=(AGEING,),
        query=f"select *, case when starts_with(document_id, 'opening/') then 'brought along' else 'issued here' end "
        f"as origin from {AGEING} where open_amount <> 0",
        columns=(
            Column("document_id", "Document", "id", links.receivable),
            Column("number", "Number", "id"),
            Column("kind", "Kind", "hidden"),
            Column("origin", "Origin"),
            Column("account_id", "Account", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("channel", "Channel", "id"),
            Column("issue_date", "Issued", "day"),
            Column("due_date", "Due", "day"),
            Column("days_past_due", "Days past due", "number"),
            Column("age_bucket", "Bucket", "status"),
            Column("total", "Total", "money"),
            Column("paid_from_credits", "From credits", "money"),
            Column("collected", "Collected", "money"),
            Column("open_amount", "Open", "money"),
            Column("currency", "Currency", "id"),
        ),
        order="days_past_due desc, open_amount desc",
        scope=_SCOPE,
        choices=(
            Choice("bucket", "Bucket", "age_bucket"),
            Choice("currency", "Currency", "currency"),
            Choice("account", "Account", "account_id"),
            Choice("origin", "Origin", "origin"),
        ),
        note="Brought along: open when the business moved here, issued by the system before.",
        page_size=25,
        empty="Nothing is open: every issued document is settled, or none was issued.",
    )


def _accruals() -> Table:
    """Rated less billed by entity, channel, service month and currency, each with why it is not billed."""
    reasons = {
        "not_due_amount": "Not due yet",
        "held_amount": "Held",
        "carried_forward_amount": "Carried forward",
        "not_invoiced_amount": "Not invoiced by AWS",
        "rated_after_issue_amount": "Rated after issue",
        "nil_amount": "Nil bills",
    }
    sums = ", ".join(f"sum({name}) as {name}" for name in ("rated_amount", "billed_amount", "accrued_amount", *reasons))
    return Table(
        name="accruals",
        title="Accruals by service month",
        needs=(ACCRUALS,),
        query=f"select selling_entity, channel, service_period, currency, count(distinct contract_id) as contracts, "
        f"{sums} from {ACCRUALS} group by selling_entity, channel, service_period, currency",
        columns=(
            Column("service_period", "Month", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("channel", "Channel", "id"),
            Column("contracts", "Contracts", "number"),
            Column("rated_amount", "Rated", "money"),
            Column("billed_amount", "Billed", "money"),
            Column("accrued_amount", "To accrue", "money"),
            *(Column(name, label, "money") for name, label in reasons.items()),
            Column("currency", "Currency", "id"),
        ),
        order="service_period desc, selling_entity, channel, currency",
        scope={"period": "service_period", **_SCOPE},
        choices=(Choice("currency", "Currency", "currency"),),
        note="To accrue is rated less billed; the columns after it say why it is not billed and add up to it.",
        page_size=25,
        empty="Nothing is to be accrued: all that was rated is billed.",
    )


def _unbilled() -> Table:
    return Table(
        name="unbilled",
        title="Rated and not billed",
        needs=(UNBILLED,),
        query=f"select *, {_UNBILLED_AGE} as age from {UNBILLED}",
        columns=(
            Column("contract_id", "Contract", "id"),
            Column("account_id", "Account", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("channel", "Channel", "hidden"),
            Column("charge_id", "Charge", "id"),
            Column("service_from", "Service from", "day"),
            Column("service_to", "to", "day"),
            Column("bill_date", "Bill date", "day"),
            Column("reason", "Why not", "words"),
            Column("age_days", "Age, days", "number"),
            Column("rated_amount", "Rated", "money"),
            Column("billed_amount", "Billed", "money"),
            Column("unbilled_amount", "Unbilled", "money"),
            Column("currency", "Currency", "id"),
        ),
        order="case reason when 'held' then 1 when 'rated_after_issue' then 2 else 3 end, abs(unbilled_amount) desc",
        scope={"period": "close_period", **_SCOPE},
        choices=(Choice("reason", "Why not", "reason"), Choice("age", "Age", "age")),
        page_size=25,
        empty="All that was rated is billed.",
    )


def _unapplied() -> Table:
    return only(
        bank.entries("unapplied <> 0 and classification in ('customer_receipt', 'marketplace_payout')"),
        name="unapplied",
        title="Unapplied cash",
        scope={"entity": "selling_entity"},
        choices=(Choice("taken", "Taken for", "classification"),),
        page_size=25,
        search=(),
        empty="No cash is unapplied: every receipt fits a document or a payout, or no bank statement has landed.",
    )
