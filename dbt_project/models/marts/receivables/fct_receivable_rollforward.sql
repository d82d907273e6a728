with issued_documents as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where kind in ('invoice', 'credit_memo') and voided_on is null

),

openings as (

    select * from {{ ref('int_openings__effective') }}

),

opened as (

    select * from {{ ref('int_receivables__opened') }}

),

ageing as (

    select * from {{ ref('fct_receivables_ageing') }}

),

issued_lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}

),

unbilled as (

    select * from {{ ref('fct_unbilled') }}

),

balances as (

    select * from {{ ref('int_credit_balances__rolled') }}
    where pool is distinct from 'units'

),

marketplace as (

    select * from {{ ref('fct_marketplace_rollforward') }}

),

bank_entries as (

    select * from {{ ref('int_bank_entries__matched') }}
    where status <> 'not_receivable'

),

applications as (

    select * from {{ ref('stg_match__applications') }}

),

shut as (

    select * from {{ ref('int_periods__shut') }}

),

frozen as (

    select * from {{ ref('stg_close__receivable_rollforward') }}

),

run as (

    select {{ as_of() }} as as_of

),

receivable_moves as (

    select
        'ar' as kind,
        strftime(issue_date, '%Y-%m') as period,
        selling_entity,
        currency,
        case when kind = 'invoice' then total else 0 end as invoiced,
        case when kind = 'credit_memo' then -total else 0 end as credited,
        paid_from_credits
    from issued_documents

),

-- Revenue lines of issued documents, by the month in which they were invoiced.
invoiced_lines as (

    select
        issued_documents.selling_entity,
        issued_documents.currency,
        issued_documents.close_period as rated_period,
        strftime(issued_documents.issue_date, '%Y-%m') as invoiced_period,
        issued_lines.amount
    from issued_lines
    inner join issued_documents on issued_lines.document_id = issued_documents.document_id
    left join issued_lines as parents
        on issued_lines.document_id = parents.document_id
        and issued_lines.parent_line_no = parents.line_no
    where
        {{ priced_kind('issued_lines') }} not in ('tax', 'prepaid')
        and coalesce({{ priced_kind('parents') }}, '') <> 'prepaid'

),

-- Rated = invoiced since + not invoiced yet. A document invoiced before its service month ends is rated when invoiced.
rated_moves as (

    select
        least(rated_period, invoiced_period) as period,
        selling_entity,
        currency,
        amount as rated,
        cast(0 as decimal(38, 12)) as billed
    from invoiced_lines

    union all

    select
        least(unbilled.close_period, strftime(run.as_of, '%Y-%m')) as period,
        unbilled.selling_entity,
        unbilled.currency,
        unbilled.unbilled_amount as rated,
        cast(0 as decimal(38, 12)) as billed
    from unbilled
    cross join run

    union all

    select
        invoiced_period as period,
        selling_entity,
        currency,
        cast(0 as decimal(38, 12)) as rated,
        amount as billed
    from invoiced_lines

),

wallet_moves as (

    select
        period,
        selling_entity,
        currency,
        case when is_opening then granted else 0 end as brought_forward,
        case when is_opening then 0 else granted end as granted,
        used,
        expired
    from balances

),

-- Cash is received in the month of its booking and applied when there was something to apply it to.
cash_moves as (

    select
        'ar' as kind,
        {{ month_of('applications.applied_on') }} as period,
        coalesce(issued_documents.selling_entity, opened.selling_entity) as selling_entity,
        applications.currency,
        applications.amount as collected,
        cast(0 as decimal(38, 12)) as received,
        cast(0 as decimal(38, 12)) as applied
    from applications
    left join issued_documents on applications.target_id = issued_documents.document_id
    left join opened on applications.target_id = opened.document_id
    where
        applications.target_kind = 'invoice'
        and (issued_documents.document_id is not null or opened.document_id is not null)

    union all

    select
        'unapplied' as kind,
        period,
        selling_entity,
        currency,
        0 as collected,
        amount as received,
        0 as applied
    from bank_entries

    union all

    select
        'unapplied' as kind,
        {{ month_of('applications.applied_on') }} as period,
        bank_entries.selling_entity,
        bank_entries.currency,
        0 as collected,
        0 as received,
        applications.amount as applied
    from applications
    inner join bank_entries on applications.entry_id = bank_entries.entry_id

),

-- What a business brought along on its cut-over date; what it brought as credit is among the balances.
opening_moves as (

    select
        'ar' as kind,
        period,
        selling_entity,
        currency,
        total as brought_forward
    from opened

    union all

    select
        kind,
        period,
        selling_entity,
        currency,
        amount as brought_forward
    from openings
    where kind in ('unapplied', 'deferred')

),

moves as (

    select
        kind,
        period,
        selling_entity,
        currency,
        invoiced,
        credited,
        paid_from_credits,
        cast(0 as decimal(38, 12)) as rated,
        cast(0 as decimal(38, 12)) as granted,
        cast(0 as decimal(38, 12)) as used,
        cast(0 as decimal(38, 12)) as expired,
        cast(0 as decimal(38, 12)) as brought_forward
    from receivable_moves

    union all

    select
        'unbilled' as kind,
        period,
        selling_entity,
        currency,
        billed as invoiced,
        0 as credited,
        0 as paid_from_credits,
        rated,
        0 as granted,
        0 as used,
        0 as expired,
        0 as brought_forward
    from rated_moves

    union all

    select
        'wallet' as kind,
        period,
        selling_entity,
        currency,
        0 as invoiced,
        0 as credited,
        0 as paid_from_credits,
        0 as rated,
        granted,
        used,
        expired,
        brought_forward
    from wallet_moves

    union all by name

    select * from cash_moves

    union all by name

    select * from opening_moves

),

by_month as (

    select
        kind,
        period,
        selling_entity,
        currency,
        coalesce(sum(invoiced), 0) as invoiced,
        coalesce(sum(credited), 0) as credited,
        coalesce(sum(paid_from_credits), 0) as paid_from_credits,
        coalesce(sum(rated), 0) as rated,
        coalesce(sum(granted), 0) as granted,
        coalesce(sum(used), 0) as used,
        coalesce(sum(expired), 0) as expired,
        coalesce(sum(collected), 0) as collected,
        coalesce(sum(received), 0) as received,
        coalesce(sum(applied), 0) as applied,
        coalesce(sum(brought_forward), 0) as brought_forward
    from moves
    group by kind, period, selling_entity, currency

),

-- A month without movement still has a balance.
spans as (

    select
        by_month.kind,
        by_month.selling_entity,
        by_month.currency,
        unnest(range(
            cast(min(by_month.period) || '-01' as timestamp),
            cast(greatest(any_value(run.as_of), cast(max(by_month.period) || '-01' as date)) as timestamp)
            + interval 1 day,
            interval 1 month
        )) as month_from
    from by_month
    cross join run
    group by by_month.kind, by_month.selling_entity, by_month.currency

),

-- Each movement and what it does to the balance: rated, granted and received raise it, invoiced raises receivables but
-- ends what was unbilled.
filled as (

    select
        spans.kind,
        strftime(spans.month_from, '%Y-%m') as period,
        spans.selling_entity,
        spans.currency,
        coalesce(by_month.invoiced, 0) as invoiced,
        coalesce(by_month.credited, 0) as credited,
        coalesce(by_month.paid_from_credits, 0) as paid_from_credits,
        coalesce(by_month.rated, 0) as rated,
        coalesce(by_month.granted, 0) as granted,
        coalesce(by_month.used, 0) as used,
        coalesce(by_month.expired, 0) as expired,
        coalesce(by_month.collected, 0) as collected,
        coalesce(by_month.received, 0) as received,
        coalesce(by_month.applied, 0) as applied,
        coalesce(by_month.brought_forward, 0) as brought_forward,
        coalesce(by_month.brought_forward, 0) + coalesce(case spans.kind
            when 'ar'
                then by_month.invoiced - by_month.credited - by_month.paid_from_credits - by_month.collected
            when 'unapplied' then by_month.received - by_month.applied
            when 'unbilled' then by_month.rated - by_month.invoiced
            when 'deferred' then 0
            else by_month.granted - by_month.used - by_month.expired
        end, 0) as movement
    from spans
    left join by_month
        on spans.kind = by_month.kind
        and spans.selling_entity = by_month.selling_entity
        and spans.currency = by_month.currency
        and strftime(spans.month_from, '%Y-%m') = by_month.period

),

rolled as (

    select
        *,
        sum(movement) over (
            partition by kind, selling_entity, currency order by period rows unbounded preceding
        ) as expected_closing
    from filled

),

-- What the closing must be, taken from the open items themselves and not from the movements.
open_items as (

    select
        'ar' as kind,
        strftime(run.as_of, '%Y-%m') as period,
        ageing.selling_entity,
        ageing.currency,
        ageing.open_amount as amount
    from ageing
    cross join run

    union all

    select
        'unbilled' as kind,
        strftime(run.as_of, '%Y-%m') as period,
        unbilled.selling_entity,
        unbilled.currency,
        unbilled.unbilled_amount as amount
    from unbilled
    cross join run

    union all

    select
        'wallet' as kind,
        period,
        selling_entity,
        currency,
        closing as amount
    from balances

    union all

    select
        'unapplied' as kind,
        strftime(run.as_of, '%Y-%m') as period,
        bank_entries.selling_entity,
        bank_entries.currency,
        bank_entries.unapplied as amount
    from bank_entries
    cross join run

    union all

    -- Deferred revenue stands as it was brought along: nothing releases it yet.
    select
        openings.kind,
        strftime(run.as_of, '%Y-%m') as period,
        openings.selling_entity,
        openings.currency,
        openings.amount
    from openings
    cross join run
    where openings.kind in ('unapplied', 'deferred')

),

closings as (

    select
        kind,
        period,
        selling_entity,
        currency,
        sum(amount) as closing
    from open_items
    group by kind, period, selling_entity, currency

),

direct as (

    select
        rolled.kind,
        rolled.period,
        rolled.selling_entity,
        rolled.currency,
        cast(null as varchar) as agreement_id,
        cast(rolled.expected_closing - rolled.movement as decimal(38, 12)) as opening,
        cast(rolled.invoiced as decimal(38, 12)) as invoiced,
        cast(rolled.credited as decimal(38, 12)) as credited,
        cast(rolled.collected as decimal(38, 12)) as collected,
        cast(rolled.paid_from_credits as decimal(38, 12)) as paid_from_credits,
        cast(rolled.rated as decimal(38, 12)) as rated,
        cast(rolled.granted as decimal(38, 12)) as granted,
        cast(rolled.used as decimal(38, 12)) as used,
        cast(rolled.expired as decimal(38, 12)) as expired,
        cast(rolled.received as decimal(38, 12)) as received,
        cast(rolled.applied as decimal(38, 12)) as applied,
        cast(rolled.brought_forward as decimal(38, 12)) as brought_forward,
        cast(coalesce(closings.closing, case
            when rolled.period = strftime(run.as_of, '%Y-%m') or rolled.kind = 'wallet' then 0
            else rolled.expected_closing
        end) as decimal(38, 12)) as closing,
        cast(rolled.expected_closing - coalesce(closings.closing, case
            when rolled.period = strftime(run.as_of, '%Y-%m') or rolled.kind = 'wallet' then 0
            else rolled.expected_closing
        end) as decimal(38, 12)) as difference
    from rolled
    cross join run
    left join closings
        on rolled.kind = closings.kind
        and rolled.period = closings.period
        and rolled.selling_entity = closings.selling_entity
        and rolled.currency = closings.currency

),

-- The marketplace's own roll-forward has an agreement and an AWS company in its key, and movements of its own.
live as (

    select
        *,
        cast(null as varchar) as aws_entity,
        cast(0 as decimal(38, 12)) as refunded,
        cast(0 as decimal(38, 12)) as forgiven,
        cast(0 as decimal(38, 12)) as adjusted,
        cast(0 as decimal(38, 12)) as disbursed,
        cast(0 as decimal(38, 12)) as failed
    from direct

    union all by name

    select
        'marketplace' as kind,
        period,
        selling_entity,
        currency,
        agreement_id,
        aws_entity,
        opening,
        invoiced,
        0 as credited,
        0 as collected,
        0 as paid_from_credits,
        0 as rated,
        0 as granted,
        0 as used,
        0 as expired,
        0 as brought_forward,
        refunded,
        forgiven,
        adjusted,
        disbursed,
        failed,
        closing,
        difference
    from marketplace

),

{% set movements = [
    'invoiced', 'credited', 'collected', 'paid_from_credits', 'rated', 'granted', 'used', 'expired', 'received',
    'applied', 'brought_forward', 'refunded', 'forgiven', 'adjusted', 'disbursed', 'failed'] -%}
placed as (

    select
        live.*,
        shut.locked_through,
        coalesce(live.period <= shut.locked_through, false) as is_locked
    from live
    left join shut on live.selling_entity = shut.selling_entity

),

-- A locked month keeps the row it was locked with. What came to light about it since is a movement of the first month
-- after it, which opens with what was closed: no month moves and every closing stays an opening.
locked_sums as (

    select
        kind,
        selling_entity,
        currency,
        agreement_id,
        aws_entity,
        locked_through,
        {% for movement in movements %}sum({{ movement }}) as {{ movement }},
        {% endfor -%}
        -arg_max(closing + difference, period) as opening
    from placed
    where is_locked
    group by all

    union all by name

    select
        frozen.kind,
        frozen.selling_entity,
        frozen.currency,
        frozen.agreement_id,
        frozen.aws_entity,
        shut.locked_through,
        {% for movement in movements %}-sum(frozen.{{ movement }}) as {{ movement }},
        {% endfor -%}
        arg_max(frozen.closing + frozen.difference, frozen.period) as opening
    from frozen
    inner join shut on frozen.selling_entity = shut.selling_entity
    group by all

),

carried as (

    select
        kind,
        strftime(cast(locked_through || '-01' as date) + interval 1 month, '%Y-%m') as period,
        selling_entity,
        currency,
        agreement_id,
        aws_entity,
        {% for movement in movements %}sum({{ movement }}) as {{ movement }},
        {% endfor -%}
        sum(opening) as opening,
        0 as closing,
        0 as difference
    from locked_sums
    group by all

),

open_months as (

    select * exclude (locked_through, is_locked)
    from placed
    where not is_locked

    union all by name

    select * from carried

),

final as (

    select
        kind,
        period,
        selling_entity,
        currency,
        agreement_id,
        aws_entity,
        cast(sum(opening) as decimal(38, 12)) as opening,
        {% for movement in movements %}cast(sum({{ movement }}) as decimal(38, 12)) as {{ movement }},
        {% endfor -%}
        cast(sum(closing) as decimal(38, 12)) as closing,
        cast(sum(difference) as decimal(38, 12)) as difference
    from open_months
    group by all

    union all by name

    select * from frozen

)

select * from final
