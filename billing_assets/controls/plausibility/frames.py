"""The rows that plausibility checks judge, gathered by SQL: few, however much has landed.

A frame holds what a check needs to see of each month: the distinct values with their counts, the share of nulls, or the
lowest and highest value and the outermost beyond the bounds. Belongs here: what to read. Whether it is plausible is
said in `suite`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from billing_assets.controls.plausibility.table import Check, Kind

# Enough of both ends beyond the bounds to see what is wrong with a month; it is not counted to the last row.
_ENDS = 25
# A column with more distinct values than that in a month is no vocabulary any more; which ones does not matter then.
_MOST_WORDS = 1_000
# One null in a handful of rows is no share of anything; a column that may never be empty is judged on any number.
_FEWEST_ROWS = 20
# The back-fill that AWS delivers as one month file holds ten years.
_BACK_FILL = "2010-01"


@dataclass(frozen=True)
class Seen:
    """One value of a check's frame: what it stands for (`rows` rows, `example`) in a month of `rows_checked` rows."""

    period: str
    rows_checked: int
    value: Any
    rows: int
    example: str


def _feed(name: str, key: str, columns: str = "") -> str:
    """Rows of a feed that stand in its newest files, in the month of their file."""
    return f"""
        select rows.*, files.period, concat_ws('/', {key}) as example{columns and ", " + columns}
        from raw_marketplace.{name} as rows
        inner join raw_marketplace.feed_files as files using (file_sequence)
        where rows.dropped_on is null and rows.delete_date is null
    """


def _against_usual(
    units: str, *, step: str, window: int, history: int, fewest: float, until: str, has_gaps: bool = False
) -> str:
    """Each unit (a day, a month) of a series against the median of the `window` units before it.

    `units` gives (unit date, series, rows). Judged are units before `until` of this month and the last, with at least
    `history` units before them whose median is at least `fewest`. A unit without rows counts as zero, unless
    the series `has_gaps` by nature.
    """
    filled = f"""
        select series, unnest(range(min(unit)::timestamp, ({until})::timestamp, interval 1 {step}))::date as unit
        from units group by series
    """
    return f"""
        with units as ({units}),
        spine as ({"select series, unit from units" if has_gaps else filled}),
        counted as (
            select spine.series, spine.unit, coalesce(units.rows, 0) as rows
            from spine left join units using (series, unit)
        ),
        compared as (
            select
                *,
                median(rows) over earlier as usual,
                count(*) over earlier as history
            from counted
            window earlier as (
                partition by series order by unit rows between {window} preceding and 1 preceding
            )
        )
        select
            strftime(unit, '%Y-%m') as period,
            rows / usual as against_usual,
            format('{{}} {{}}: {{}}, usual {{}}', unit, series, round(rows::double, 1), round(usual, 1)) as example
        from compared
        where
            history >= {history} and usual >= {fewest} and unit < ({until})
            and unit >= date_trunc('month', getvariable('as_of')) - interval 1 month
    """


def _days(units: str, *, until: str, fewest: float = 20, has_gaps: bool = False) -> str:
    # Four weeks hold every weekday four times; half of that must be there before a day is called unusual.
    return _against_usual(units, step="day", window=28, history=14, fewest=fewest, until=until, has_gaps=has_gaps)


def _months(units: str) -> str:
    # A year before it, a quarter at least; the month of the business date is still coming in.
    return _against_usual(
        units, step="month", window=12, history=3, fewest=20, until="date_trunc('month', getvariable('as_of'))"
    )


_AS_OF = "getvariable('as_of')"

# What stands for a raw table: its rows with a month, something to name a row by, and what is computed of it.
_ROWS = {
    "raw_contracts.versions": f"""
        select
            *,
            strftime(least(coalesce(effective_from, starts_on, {_AS_OF}), {_AS_OF}), '%Y-%m') as period,
            contract_id || ' version ' || version as example,
            date_diff('day', starts_on, ends_on) as term_days,
            date_diff('day', starts_on, signed_at::date) as signed_days_after_start
        from raw_contracts.versions
    """,
    "raw_contracts.price_cells": f"""
        with priced as (
            select
                cells.*,
                strftime(
                    least(coalesce(versions.effective_from, versions.starts_on, {_AS_OF}), {_AS_OF}), '%Y-%m'
                ) as period,
                concat_ws('/', cells.contract_id, cells.version, cells.charge_id, cells.cell_no) as example,
                charges.meter,
                versions.currency,
                cells.unit_price / coalesce(cells.per, 1) as price_of_one
            from raw_contracts.price_cells as cells
            inner join raw_contracts.versions as versions using (contract_id, version)
            inner join raw_contracts.charges as charges using (contract_id, version, charge_id)
        ),
        usual as (
            -- A median of a handful of contracts says nothing of the market.
            select meter, currency, median(price_of_one) as usual_price
            from priced
            where price_of_one > 0 and meter is not null
            group by meter, currency
            having count(distinct contract_id) >= 5
        )
        select priced.*, price_of_one / usual_price as against_usual_price
        from priced left join usual using (meter, currency)
    """,
    "raw_contracts.discounts": f"""
        select
            discounts.*,
            strftime(
                least(coalesce(versions.effective_from, versions.starts_on, {_AS_OF}), {_AS_OF}), '%Y-%m'
            ) as period,
            concat_ws('/', discounts.contract_id, discounts.version, discounts.discount_id) as example
        from raw_contracts.discounts as discounts
        inner join raw_contracts.versions as versions using (contract_id, version)
    """,
    "raw_contracts.taxes": f"""
        select
            taxes.*,
            strftime(
                least(coalesce(versions.effective_from, versions.starts_on, {_AS_OF}), {_AS_OF}), '%Y-%m'
            ) as period,
            concat_ws('/', taxes.contract_id, taxes.version, taxes.tax_code) as example
        from raw_contracts.taxes as taxes
        inner join raw_contracts.versions as versions using (contract_id, version)
    """,
    "raw_provisioning.entitlements": f"""
        select
            *,
            strftime(least(valid_from, {_AS_OF}), '%Y-%m') as period,
            concat_ws('/', coalesce(organization_id, account_id), product, valid_from) as example,
            date_diff('day', {_AS_OF}, valid_from) as days_ahead,
            case
                when (select count(*) from raw_contracts.charges where charges.product is not null) > 0
                    then case
                        when product in (select charges.product from raw_contracts.charges) then 'yes' else 'no'
                    end
            end as product_is_sold
        from raw_provisioning.entitlements
    """,
    "raw_opening.balances": f"""
        select
            *,
            strftime(least(as_of, {_AS_OF}), '%Y-%m') as period,
            concat_ws(
                '/', selling_entity, kind, coalesce(contract_id, account_id), coalesce(number, grant_id)
            ) as example,
            date_diff('day', issue_date, as_of) as days_open
        from raw_opening.balances
    """,
    "raw_fx.rates": f"""
        select
            *,
            strftime(least(rate_date, {_AS_OF}), '%Y-%m') as period,
            concat_ws(' ', rate_date, base_currency || '/' || quote_currency, rate_type, rate) as example,
            rate / lag(rate) over (
                partition by base_currency, quote_currency, rate_type, rate_source
                order by rate_date, file_sequence, line
            ) as against_rate_before
        from raw_fx.rates
    """,
    # A file belongs to the month of most of its events, else to that of its landing.
    "raw_landing.conservation": f"""
        select
            conservation.*,
            coalesce(months.period, strftime(files.first_seen, '%Y-%m')) as period,
            conservation.path as example,
            conservation.quarantined / conservation.received as refused_share
        from raw_landing.conservation as conservation
        inner join raw_landing.files as files using (file_sequence)
        left join (
            select file_sequence, arg_max(event_month, (accepted + duplicate, event_month)) as period
            from raw_metering.file_accounts where event_month is not null group by file_sequence
        ) as months using (file_sequence)
        where files.status = 'loaded' and conservation.received >= {_FEWEST_ROWS}
    """,
    "raw_metering.file_accounts": f"""
        select
            file_accounts.event_month as period,
            regexp_replace(files.path, '[^/]*$', '') as example,
            sum(duplicate) / sum(accepted + duplicate) as repeated_share
        from raw_metering.file_accounts as file_accounts
        inner join raw_landing.files as files using (file_sequence)
        where event_month is not null
        group by all
        having sum(accepted + duplicate) >= {_FEWEST_ROWS}
    """,
    "raw_bank.entries": f"""
        select
            entries.*,
            strftime(least(coalesce(entries.value_date, entries.booking_date), {_AS_OF}), '%Y-%m') as period,
            entries.entry_id as example,
            date_diff('day', entries.booking_date, entries.value_date) as value_days_after_booking,
            date_diff('day', {_AS_OF}, entries.booking_date) as days_ahead,
            case
                when statements.currency is not null
                    then case when statements.currency = entries.currency then 'yes' else 'no' end
            end as currency_is_the_accounts
        from raw_bank.entries as entries
        left join (
            select statement_id, min(currency) as currency from raw_bank.statements group by statement_id
        ) as statements using (statement_id)
    """,
    "raw_marketplace.feed_files": "select *, feed as example from raw_marketplace.feed_files where is_newest",
    "raw_marketplace.accountfeed": _feed("accountfeed", "rows.account_id"),
    "raw_marketplace.addressfeed": _feed("addressfeed", "rows.address_id"),
    "raw_marketplace.agreementfeed": _feed(
        "agreementfeed",
        "rows.agreement_id, rows.valid_from::date",
        # an end in the year 9999 is how the feed spells none
        """case when year(end_time) < 9000 then date_diff('day', start_time, end_time) end as term_days,
        date_diff('day', start_time, acceptance_time) as accepted_days_after_start""",
    ),
    "raw_marketplace.agreementtermfeed": _feed("agreementtermfeed", "rows.agreement_id, rows.term_id"),
    "raw_marketplace.agreementchargefeed": _feed("agreementchargefeed", "rows.agreement_id, rows.term_id, rows.time"),
    "raw_marketplace.billingeventfeed": _feed(
        "billingeventfeed",
        "rows.billing_event_id",
        f"""date_diff('day', invoice_date, payment_due_date) as days_to_pay,
        date_diff('day', usage_period_start_date, usage_period_end_date) as service_days,
        date_diff('day', {_AS_OF}, invoice_date::date) as invoice_days_ahead,
        case
            when disbursement_currency = currency and amount <> 0 then disbursement_amount / amount
        end as payout_for_one""",
    ),
    "raw_marketplace.dailyusagefeed": _feed(
        "dailyusagefeed",
        "rows.usage_feed_id",
        f"""date_diff('day', {_AS_OF}, usage_date) as days_ahead,
        case
            -- below that the two decimals of the revenue say more than the rate
            when usage_quantity * usage_rate_per_unit_in_pricing_currency >= 1
                then estimated_revenue_in_pricing_currency / (usage_quantity * usage_rate_per_unit_in_pricing_currency)
        end as revenue_against_rate""",
    ),
    "raw_marketplace.legacyidmappingfeed": _feed("legacyidmappingfeed", "rows.legacy_id"),
    "raw_marketplace.offertargetfeed": _feed("offertargetfeed", "rows.offer_target_id"),
    "raw_marketplace.productfeed": _feed("productfeed", "rows.product_id"),
    "raw_marketplace.taxitemfeed": _feed(
        "taxitemfeed",
        "rows.tax_item_id",
        """case when taxable_amount <> 0 then tax_amount / taxable_amount - tax_jurisdiction_rate
        end as rate_difference""",
    ),
}

# Checks that look at sums of a table: check -> rows with a month, an example and what is judged.
_SUMS = {
    "usage_rows_a_day": _days(
        """select bucket_from::date as unit, meter as series, sum(event_count) as rows
        from raw_metering.usage_buckets where measure = 'quantity' group by all""",
        until=_AS_OF,
    ),
    "usage_quantity_of_an_event": _days(
        """select bucket_from::date as unit, meter as series, sum(quantity_sum) / sum(event_count) as rows
        from raw_metering.usage_buckets where measure = 'quantity' group by all
        having sum(event_count) >= 20""",  # the mean of a few events is one event
        until=_AS_OF,
        fewest=0.000001,
        has_gaps=True,
    ),
    "fx_rates_a_day": _days(
        "select rate_date as unit, rate_type as series, count(*) as rows from raw_fx.rates group by all",
        until=_AS_OF,
        fewest=1,
        has_gaps=True,  # many sources quote on business days only
    ),
    "aws_usage_rows_a_day": _days(
        """select usage_date as unit, coalesce(product_id, 'no product') as series, count(*) as rows
        from raw_marketplace.dailyusagefeed where dropped_on is null and delete_date is null group by all""",
        until=f"{_AS_OF} - 1",  # a day's usage is delivered on the day after it
    ),
    "feed_rows_a_month": _months(
        f"""select strptime(period, '%Y-%m')::date as unit, feed as series, sum(rows) as rows
        from raw_marketplace.feed_files where is_newest and period <> '{_BACK_FILL}' group by all"""
    ),
    "bank_entries_a_month": _months(
        """select date_trunc('month', booking_date)::date as unit, account as series, count(*) as rows
        from raw_bank.entries group by all"""
    ),
    # An export tells the whole state again: half of the rows is half of an export.
    "provisioning_rows_a_file": """
        with exports as (
            select
                files.file_sequence, files.first_seen, files.path, count(*) as rows
            from raw_provisioning.entitlements as entitlements
            inner join raw_landing.files as files using (file_sequence)
            group by all
        ),
        compared as (
            select *, median(rows) over earlier as usual, count(*) over earlier as history
            from exports window earlier as (order by file_sequence rows between 12 preceding and 1 preceding)
        )
        select
            strftime(first_seen, '%Y-%m') as period,
            rows / usual as against_usual,
            format('{}: {}, usual {}', path, rows, round(usual, 1)) as example
        from compared
        where history >= 3 and usual >= 20
    """,
}


def relation(check: Check) -> str:
    """The SQL of the rows that a check looks at, with columns period, example and the check's own."""
    return _SUMS.get(check.check_id) or _ROWS[check.table_name]


def gather(connection: duckdb.DuckDBPyConnection, checks: Iterable[Check], as_of: date) -> dict[str, list[Seen]]:
    """Check id -> its frame, in order; without checks whose tables do not exist or are empty."""
    filled = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "select schema_name, table_name from duckdb_tables() where estimated_size > 0 "
            "union all select schema_name, view_name from duckdb_views() where not internal"
        ).fetchall()
    }
    # Spelled out: to bind a date, DuckDB imports pandas, at seconds.
    connection.execute(f"set variable as_of = date '{as_of.isoformat()}'")
    frames = {}
    for check in checks:
        if check.table_name in filled:
            rows = connection.execute(_statement(check)).fetchall()
            if rows:
                frames[check.check_id] = [Seen(*row) for row in rows]
    return frames


def _statement(check: Check) -> str:
    """Rows of the frame as the fields of Seen."""
    value, example = f'"{check.column_name}"', "example"
    if check.control_id is Kind.DRIFT:
        # A JSON list of columns or fields; null = none.
        listed = f"coalesce({value}, '[]')::json"
        value = f"json_array_length({listed})"
        example = f"example || ': ' || array_to_string(list_sort({listed}::varchar[]), ', ')"
    rows = f"""
        rows as not materialized (
            select period, {value} as value, {example} as example from ({relation(check)})
            where ({check.only_rows or "true"}) and period is not null
        )
    """
    match check.control_id:
        case Kind.VOCABULARY:
            return f"""
                with {rows}
                select period, (sum(count(*)) over (partition by period))::bigint, value, count(*), ''
                from rows where value is not null
                group by period, value
                qualify row_number() over (partition by period order by count(*) desc, value) <= {_MOST_WORDS}
                order by period, value
            """
        case Kind.COMPLETENESS:
            fewest = _FEWEST_ROWS if check.high else 1
            return f"""
                with {rows}
                select
                    period, count(*), (count(*) - count(value)) / count(*), count(*) - count(value),
                    coalesce(min(example) filter (where value is null), '')
                from rows
                group by period
                having count(*) >= {fewest}
                order by period
            """
        case _:
            outside = " or ".join(
                f"value {sign} {bound!r}" for sign, bound in (("<", check.low), (">", check.high)) if bound is not None
            )
            return f"""
                with {rows},
                ends as (
                    select period, count(value) as rows_checked, min(value) as lowest, max(value) as highest
                    from rows group by period
                ),
                outermost as (
                    select
                        period,
                        min({{'value': value, 'example': example}}, {_ENDS}) as lowest,
                        max({{'value': value, 'example': example}}, {_ENDS}) as highest
                    from rows where {outside}
                    group by period
                ),
                outliers as (
                    select period, unnest(list_distinct(list_concat(lowest, highest))) as seen from outermost
                ),
                listed as (
                    select period, unnest([lowest, highest]) as value, '' as example from ends
                    union all
                    select period, seen.value, seen.example from outliers
                )
                select distinct listed.period, ends.rows_checked, listed.value, 1, coalesce(listed.example, '')
                from listed inner join ends using (period)
                where ends.rows_checked > 0 and (listed.example <> '' or not coalesce({outside}, false))
                order by all
            """
