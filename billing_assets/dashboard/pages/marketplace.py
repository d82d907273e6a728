"""AWS Marketplace: from metered usage to the bank per month and currency, agreements, lines and payouts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from markupsafe import Markup

from billing_assets.dashboard import charts, show
from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.data import Row
from billing_assets.dashboard.pages import bank, links, reconciliations
from billing_assets.dashboard.tables import Choice, Column, Table, only

CHAIN = "marts.fct_marketplace_chain"
LEDGER = "marts.fct_marketplace_ledger"
LINES = "marts.fct_marketplace_lines"
PAYOUTS = "marts.fct_marketplace_payouts"
AGREEMENTS = "intermediate.int_agreements__crosswalked"
_ENTITY = {"period": "period", "entity": "selling_entity"}
# More would not be read: the filters narrow the page to the months that matter.
_CHARTS = 6
_SUMS = """
    sum(metered) as metered, sum(daily_usage) as daily_usage, sum(expected) as expected, sum(invoiced) as invoiced,
    sum(listing_fee) as listing_fee, sum(net - invoiced - listing_fee) as tax_and_other, sum(net) as net,
    sum(collected) as collected, sum(disbursed) as disbursed, sum(banked) as banked
"""
_NOTHING = (
    "No marketplace data has landed for this selection. Land the AWS data feeds under marketplace/aws and run again; "
    "a period or entity in the filters may also exclude everything."
)


def _money(*names: tuple[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, label, "money") for name, label in names)


_CHAIN_COLUMNS = _money(
    ("metered", "Metered"),
    ("daily_usage", "Daily usage"),
    ("expected", "Expected"),
    ("invoiced", "Invoiced"),
    ("listing_fee", "Listing fee"),
    ("tax_and_other", "Tax and other"),
    ("net", "Net"),
    ("collected", "Collected"),
    ("disbursed", "Disbursed"),
    ("banked", "Banked"),
)


def overview(ask: Ask) -> Page:
    """The waterfall of every month and currency, the same figures as a table, and the agreements."""
    values = {name: ask.params.get(name, "") for name in _ENTITY}
    sums = ask.snapshot.rows_of(
        [CHAIN],
        f"select period, currency, {_SUMS} from {CHAIN} where ($period = '' or period = $period) "
        "and ($entity = '' or selling_entity = $entity) group by period, currency order by period desc, currency",
        values,
    )
    monthly = Table(
        name="months",
        title="From metered usage to the bank",
        needs=(CHAIN,),
        query=f"select period, selling_entity, currency, {_SUMS}, count(distinct agreement_id) as agreements "
        f"from {CHAIN} group by period, selling_entity, currency",
        columns=(
            Column("period", "Service month", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("agreements", "Agreements", "number"),
            *_CHAIN_COLUMNS,
            Column("currency", "Currency", "id"),
        ),
        order="period desc, selling_entity, currency",
        scope=_ENTITY,
        empty=_NOTHING,
    )
    return Page(
        "marketplace.html",
        "AWS Marketplace",
        tables=(monthly, _agreements(), lines()),
        facts={"waterfalls": [_waterfall(row) for row in sums[:_CHARTS]], "left_out": max(0, len(sums) - _CHARTS)},
    )


def _waterfall(row: Row) -> dict[str, Any]:
    """One month and currency as a chart; what a level lacks of the one before is the open part."""
    currency = row["currency"]

    def level(name: str, column: str, of: str | None = None, missing: str = "") -> charts.Step:
        value = row[column] or Decimal(0)
        whole = (row[of] or Decimal(0)) if of else None
        lacks = (
            f"{show.money(whole - value, currency)} {currency} {missing}" if whole is not None and whole > value else ""
        )
        return charts.Step(name, value, show.money(value, currency), of=whole, missing=lacks)

    def change(name: str, column: str) -> charts.Step:
        value = row[column] or Decimal(0)
        return charts.Step(name, value, show.money(value, currency), is_change=True)

    title = f"{show.month(row['period'])}, {currency}"
    chart: Markup = charts.waterfall(
        [
            level("Metered", "metered"),
            level("Daily usage", "daily_usage", "metered", "metered and not in daily usage"),
            level("Invoiced", "invoiced", "expected", "expected and not invoiced"),
            change("Listing fee", "listing_fee"),
            change("Tax and other", "tax_and_other"),
            level("Net", "net"),
            level("Collected", "collected", "net", "not collected yet"),
            level("Disbursed", "disbursed", "net", "not disbursed yet"),
            level("Bank", "banked", "net", "not in the bank yet"),
        ],
        f"AWS Marketplace {title}",
    )
    return {"title": title, "chart": chart}


def _agreements() -> Table:
    return Table(
        name="agreements",
        title="Agreements",
        needs=(AGREEMENTS, CHAIN),
        query=f"""
            select agreements.agreement_id, agreements.contract_id, agreements.account_id, agreements.selling_entity,
                agreements.offer_kind, agreements.is_renewal, agreements.in_feed, agreements.in_contracts,
                coalesce(chain.currency, agreements.currency) as currency, chain.invoiced, chain.net, chain.collected,
                chain.disbursed, chain.banked
            from {AGREEMENTS} as agreements
            left join (
                select agreement_id, currency, {_SUMS} from {CHAIN}
                group by agreement_id, currency
            ) as chain using (agreement_id)
        """,
        columns=(
            Column("agreement_id", "Agreement", "id", links.agreement),
            Column("contract_id", "Contract", "id"),
            Column("account_id", "Account", "id"),
            Column("selling_entity", "Entity", "id"),
            Column("offer_kind", "Offer", "words"),
            Column("is_renewal", "Renewal", "flag"),
            Column("in_feed", "In AWS feed", "flag"),
            Column("in_contracts", "In contracts", "flag"),
            *_money(
                ("invoiced", "Invoiced"),
                ("net", "Net"),
                ("collected", "Collected"),
                ("disbursed", "Disbursed"),
                ("banked", "Banked"),
            ),
            Column("currency", "Currency", "id"),
        ),
        order="agreement_id, currency",
        scope={"entity": "selling_entity"},
        choices=(Choice("offer", "Offer", "offer_kind"),),
        search=("agreement_id", "contract_id", "account_id"),
        page_size=25,
        empty=_NOTHING,
    )


def agreement(ask: Ask) -> Page:
    """One agreement: its chain by month, its lines, payouts and reconciliation rows."""
    agreement_id = ask.parts["agreement_id"]
    values = {"agreement": agreement_id}
    known = ask.snapshot.rows_of([AGREEMENTS], f"select * from {AGREEMENTS} where agreement_id = $agreement", values)
    sums = ask.snapshot.rows_of(
        [CHAIN],
        f"select period, currency, {_SUMS} from {CHAIN} where agreement_id = $agreement "
        "group by period, currency order by period, currency",
        values,
    )
    if not known and not sums:
        raise UnknownKey(f"There is no agreement {agreement_id}.")
    return Page(
        "agreement.html",
        f"Agreement {agreement_id}",
        crumbs=(("Marketplace", "/marketplace"),),
        tables=(
            only(chain("agreement_id = $agreement", values), title="Chain by month and end user"),
            lines("agreement_id = $agreement", values),
            only(
                payout_table(f"payout_id in (select payout_id from {LEDGER} where agreement_id = $agreement)", values),
                needs=(PAYOUTS, LEDGER),
                title="Payouts that carried it",
            ),
            reconciliations.listing("agreement_id = $agreement", values),
            ledger("agreement_id = $agreement", values),
        ),
        facts={
            "agreement": known[0] if known else None,
            "waterfalls": [_waterfall(row) for row in reversed(sums[-3:])],
        },
        has_scope=False,
    )


def payouts(ask: Ask) -> Page:
    """All disbursements, and whether the bank has them."""
    return Page(
        "plain.html",
        "Payouts",
        crumbs=(("Marketplace", "/marketplace"),),
        tables=(
            only(payout_table(), scope=_ENTITY),
            only(bank.entries("classification = 'marketplace_payout'", {}), title="Bank entries taken for payouts"),
        ),
    )


def payout(ask: Ask) -> Page:
    """One disbursement: what it is made of, and the bank entries applied to it."""
    values = {"payout": ask.parts["payout_id"]}
    rows = ask.snapshot.rows_of([PAYOUTS], f"select * from {PAYOUTS} where payout_id = $payout", values)
    if not rows:
        raise UnknownKey(f"There is no payout {ask.parts['payout_id']}.")
    return Page(
        "payout.html",
        f"Payout {ask.parts['payout_id']}",
        crumbs=(("Marketplace", "/marketplace"), ("Payouts", "/marketplace/payouts")),
        tables=(
            ledger("payout_id = $payout", values),
            bank.applications("target_kind = 'payout' and target_id = $payout", values),
        ),
        facts={"payout": rows[0]},
        has_scope=False,
    )


def chain(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """The chain per agreement, end user and service month."""
    return Table(
        name="chain",
        title="Chain",
        needs=(CHAIN,),
        query=f"select *, net - invoiced - listing_fee as tax_and_other from {CHAIN} where {where}",
        values=values or {},
        columns=(
            Column("period", "Service month", "id"),
            Column("agreement_id", "Agreement", "id", links.agreement),
            Column("end_user_account_id", "End user", "id"),
            Column("stage", "Stage", "status"),
            *_CHAIN_COLUMNS,
            Column("currency", "Currency", "id"),
            Column("expected_clear", "Expected to clear", "day"),
        ),
        order="period desc, agreement_id, end_user_account_id",
        empty=_NOTHING,
    )


def lines(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """Billing lines, as AWS states them and with what is undisbursed."""
    buckets = (
        ("gross_revenue", "Gross"),
        ("gross_refund", "Refund"),
        ("listing_fee", "Listing fee"),
        ("seller_net_revenue", "Net"),
        ("collected", "Collected"),
        ("disbursed", "Disbursed"),
        ("undisbursed", "Undisbursed"),
    )
    return Table(
        name="lines",
        title="Billing lines",
        needs=(LINES,),
        query=f"select * from {LINES} where {where}",
        values=values or {},
        columns=(
            Column("line_key", "Line", "hidden"),
            Column("invoice_id", "AWS invoice", "id"),
            Column("invoice_date", "Invoiced on", "day"),
            Column("agreement_id", "Agreement", "id", links.agreement),
            Column("end_user_account_id", "End user", "id"),
            Column("period", "Month", "id"),
            Column("stage", "Stage", "status"),
            *_money(*buckets),
            Column("currency", "Currency", "id"),
            Column("last_payout_on", "Last payout", "day"),
            Column("difference_to_aws_report", "Differs from AWS's report"),
        ),
        order="invoice_date desc, agreement_id",
        scope=_ENTITY if where == "true" else {},
        choices=(Choice("stage", "Stage", "stage"),),
        search=("invoice_id", "agreement_id", "end_user_account_id", "line_key"),
        page_size=25,
        empty=_NOTHING,
    )


def payout_table(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """One row per disbursement."""
    return Table(
        name="payouts",
        title="Payouts",
        needs=(PAYOUTS,),
        query=f"""
            select *, case when is_failed and resent_by is not null then 'resent' when is_failed then 'failed'
                else 'disbursed' end as status
            from {PAYOUTS} where {where}
        """,
        values=values or {},
        columns=(
            Column("payout_id", "Payout", "short", links.payout),
            Column("paid_on", "Paid on", "day"),
            Column("status", "Status", "status"),
            Column("selling_entity", "Entity", "id"),
            Column("aws_entity", "AWS entity", "id"),
            Column("amount", "Amount", "money"),
            Column("components_amount", "Sum of its lines", "money"),
            Column("difference", "Difference", "money"),
            Column("currency", "Currency", "id"),
            Column("bank_trace_id", "Bank trace", "id"),
            Column("reference_number", "Reference", "id"),
            Column("resent_by", "Sent again by", "short"),
            Column("period", "Month", "hidden"),
        ),
        order="paid_on desc",
        choices=(Choice("status", "Status", "status"), Choice("aws", "AWS entity", "aws_entity")),
        search=("payout_id", "bank_trace_id", "reference_number"),
        page_size=25,
        empty="AWS has not paid out anything for this selection yet: payouts follow 45 to 60 days after the invoice.",
    )


def ledger(where: str = "true", values: dict[str, Any] | None = None) -> Table:
    """Billing events as the subledger classifies them."""
    return Table(
        name="ledger",
        title="Billing events",
        needs=(LEDGER,),
        query=f"select * from {LEDGER} where {where}",
        values=values or {},
        columns=(
            Column("billing_event_id", "Event", "short"),
            Column("posted_on", "Posted", "day"),
            Column("agreement_id", "Agreement", "id", links.agreement),
            Column("invoice_id", "AWS invoice", "id"),
            Column("category", "Category", "words"),
            Column("stage", "Stage", "status"),
            Column("action", "AWS action", "id"),
            Column("transaction_type", "AWS type", "id"),
            Column("amount", "Amount", "money"),
            Column("currency", "Currency", "id"),
            Column("payout_id", "Payout", "short", links.payout),
            Column("first_seen", "First seen", "day"),
            Column("versions", "Versions", "number"),
        ),
        order="posted_on desc, billing_event_id",
        choices=(Choice("category", "Category", "category"), Choice("event_stage", "Stage", "stage")),
        page_size=25,
        empty="No billing event belongs here.",
    )
