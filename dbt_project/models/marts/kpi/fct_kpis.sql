with run as (

    select {{ as_of() }} as as_of

),

invoices as (

    select * from {{ ref('fct_invoices') }}
    where status not in ('draft', 'void')

),

exceptions as (

    select * from {{ ref('fct_exceptions') }}
    where status = 'open'

),

landed_usage as (

    select * from {{ ref('stg_metering__file_accounts') }}

),

accounts as (

    select *
    from {{ ref('int_controls__accounts') }}
    qualify row_number() over (partition by landed_account_id order by is_named desc, contract_id) = 1

),

rated as (

    select * from {{ ref('fct_draft_invoices') }}

),

unbilled as (

    select * from {{ ref('fct_unbilled') }}

),

receipts as (

    select
        period,
        selling_entity || '/' || channel || '/' || currency as scope,
        currency,
        amount,
        applied,
        unapplied,
        status
    from {{ ref('int_bank_entries__matched') }}
    where amount > 0 and status <> 'not_receivable'

),

due as (

    select
        invoices.*,
        invoices.close_period as period,
        invoices.selling_entity || '/' || invoices.channel as scope,
        exists(
            select 1
            from exceptions
            where exceptions.document_id = invoices.document_id
        ) as has_exception
    from invoices

),

-- A credit memo is no bill of its own: how fast and how automatically is asked of what bills a bill date.
ordinary as (

    select *
    from due
    where corrects_document_id is null

),

-- Every KPI as a fraction over a stated population; a count of documents fails a document once.
documents as (

    select
        'automation_rate' as kpi_id,
        period,
        scope,
        'share of due documents issued without a hold' as unit,
        cast(count(*) filter (where status <> 'held') as decimal(38, 12)) as numerator,
        cast(count(*) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from ordinary
    group by period, scope
    union all
    select
        'exception_rate' as kpi_id,
        period,
        scope,
        'share of due documents with an open exception' as unit,
        cast(count(*) filter (where has_exception) as decimal(38, 12)) as numerator,
        cast(count(*) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from ordinary
    group by period, scope
    union all
    select
        'on_time_billing' as kpi_id,
        period,
        scope,
        'share of due documents issued by the first business day after the bill date' as unit,
        cast(
            count(*) filter (where issue_date <= cast({{ add_weekdays('bill_date', '1') }} as date)) as decimal(38, 12)
        ) as numerator,
        cast(count(*) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from ordinary
    group by period, scope
    union all
    select
        'usage_to_invoice_days' as kpi_id,
        period,
        scope,
        'mean days from the end of service to issue' as unit,
        cast(sum(date_diff('day', period_to, issue_date)) as decimal(38, 12)) as numerator,
        cast(count(*) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from ordinary
    where issue_date is not null and period_to <= bill_date
    group by period, scope

),

usage_rows as (

    select
        landed_usage.event_month as period,
        accounts.selling_entity || '/' || accounts.channel as scope,
        sum(landed_usage.accepted) as accepted,
        sum(landed_usage.duplicate) as duplicate,
        sum(landed_usage.conflict + landed_usage.quarantined) as set_aside
    from landed_usage
    inner join accounts on landed_usage.account_id = accounts.landed_account_id
    where landed_usage.event_month is not null
    group by landed_usage.event_month, accounts.selling_entity, accounts.channel

),

usage_kpis as (

    select
        'quarantine_rate' as kpi_id,
        period,
        scope,
        'share of landed usage rows set aside' as unit,
        cast(set_aside as decimal(38, 12)) as numerator,
        cast(accepted + duplicate + set_aside as decimal(38, 12)) as denominator,
        cast(accepted + duplicate + set_aside as bigint) as sample_size
    from usage_rows
    union all
    select
        'duplicate_rate' as kpi_id,
        period,
        scope,
        'share of landed usage rows sent again' as unit,
        cast(duplicate as decimal(38, 12)) as numerator,
        cast(accepted + duplicate + set_aside as decimal(38, 12)) as denominator,
        cast(accepted + duplicate + set_aside as bigint) as sample_size
    from usage_rows

),

rated_money as (

    select
        close_period as period,
        selling_entity || '/' || channel || '/' || currency as scope,
        currency,
        sum(subtotal + discount + credit_applied) as amount,
        count(*) as sample_size
    from rated
    where is_due
    group by close_period, selling_entity, channel, currency

),

unbilled_money as (

    select
        close_period as period,
        selling_entity || '/' || channel || '/' || currency as scope,
        sum(unbilled_amount) as amount
    from unbilled
    where reason <> 'not_due'
    group by close_period, selling_entity, channel, currency

),

money_kpis as (

    select
        'unbilled_value' as kpi_id,
        rated_money.period,
        rated_money.scope,
        'share of due rated ' || rated_money.currency || ' not billed' as unit,
        cast(coalesce(unbilled_money.amount, 0) as decimal(38, 12)) as numerator,
        cast(rated_money.amount as decimal(38, 12)) as denominator,
        rated_money.sample_size
    from rated_money
    left join unbilled_money
        on rated_money.period = unbilled_money.period
        and rated_money.scope = unbilled_money.scope

),

reasons as (

    select * from {{ ref('correction_reasons') }}

),

-- Credit memos of the month by why they were given, against what was invoiced in it; voided ones are neither.
credited as (

    select
        invoices.period,
        invoices.scope,
        invoices.currency,
        invoices.kind = 'credit_memo' and invoices.corrects_document_id is not null as is_memo,
        invoices.kind = 'invoice' as is_invoice,
        coalesce(reasons.is_our_error, false) as is_our_error,
        invoices.total
    from due as invoices
    left join reasons on invoices.reason_code = reasons.reason_code
    where invoices.number is not null and invoices.status <> 'void'

),

credit_kpis as (

    {% for kpi_id, condition, words in [
        ('credit_memo_rate', 'is_memo', 'credit memos'),
        ('credit_memo_rate_our_error', 'is_memo and is_our_error', 'credit memos for errors of ours'),
    ] -%}
        select
            '{{ kpi_id }}_count' as kpi_id,
            period,
            scope,
            '{{ words }} per invoice issued' as unit,
            cast(count(*) filter (where {{ condition }}) as decimal(38, 12)) as numerator,
            cast(count(*) filter (where is_invoice) as decimal(38, 12)) as denominator,
            count(*) filter (where is_invoice) as sample_size
        from credited
        group by period, scope
        union all
        select
            '{{ kpi_id }}_value' as kpi_id,
            period,
            scope || '/' || currency as scope,
            '{{ words }} as a share of ' || currency || ' invoiced' as unit,
            cast(coalesce(-sum(total) filter (where {{ condition }}), 0) as decimal(38, 12)) as numerator,
            cast(coalesce(sum(total) filter (where is_invoice), 0) as decimal(38, 12)) as denominator,
            count(*) filter (where is_invoice) as sample_size
        from credited
        group by period, scope, currency
        {% if not loop.last %}union all
        {% endif %}
    {%- endfor %}

),

cash_kpis as (

    select
        'unapplied_cash' as kpi_id,
        period,
        scope,
        'share of ' || currency || ' received that is not applied' as unit,
        cast(sum(unapplied) as decimal(38, 12)) as numerator,
        cast(sum(amount) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from receipts
    group by period, scope, currency
    union all
    select
        'auto_match_rate_count' as kpi_id,
        period,
        scope,
        'share of receipts in ' || currency || ' matched in full by rule' as unit,
        cast(count(*) filter (where status = 'applied') as decimal(38, 12)) as numerator,
        cast(count(*) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from receipts
    group by period, scope, currency
    union all
    select
        'auto_match_rate_value' as kpi_id,
        period,
        scope,
        'share of ' || currency || ' received that rules applied' as unit,
        cast(sum(applied) as decimal(38, 12)) as numerator,
        cast(sum(amount) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from receipts
    group by period, scope, currency

),

marketplace_lines as (

    select
        *,
        selling_entity || '/aws_marketplace' as scope
    from {{ ref('int_marketplace_lines__measured') }}

),

-- What is not due yet is neither matched nor missed.
reconciled as (

    select
        *,
        selling_entity || '/' || channel as scope,
        abs(left_amount) as amount
    from {{ ref('fct_reconciliation') }}
    where status <> 'timing'

),

marketplace_kpis as (

    select
        'marketplace_days_to_payout' as kpi_id,
        period,
        scope,
        'mean days from the end of service to the payout' as unit,
        cast(sum(date_diff('day', period_to, last_payout_on)) as decimal(38, 12)) as numerator,
        cast(count(*) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from marketplace_lines
    where stage in ('disbursed', 'resent') and last_payout_on is not null and period_to is not null
    group by period, scope
    union all
    select
        'listing_fee_rate' as kpi_id,
        period,
        scope || '/' || currency as scope,
        'listing fee as a share of ' || currency || ' invoiced' as unit,
        cast(-sum(listing_fee) as decimal(38, 12)) as numerator,
        cast(sum(gross + refunded) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from marketplace_lines
    group by period, scope, currency
    union all
    select
        'disbursed_share' as kpi_id,
        period,
        scope || '/' || currency as scope,
        'share of net ' || currency || ' paid out' as unit,
        cast(sum(disbursed) as decimal(38, 12)) as numerator,
        cast(sum(net) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from marketplace_lines
    group by period, scope, currency
    union all
    select
        'reconciled_rate_count' as kpi_id,
        period,
        scope,
        'share of due reconciliation rows that match by themselves' as unit,
        cast(count(*) filter (where status = 'matched') as decimal(38, 12)) as numerator,
        cast(count(*) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from reconciled
    group by period, scope
    union all
    select
        'reconciled_rate_value' as kpi_id,
        period,
        scope || '/' || currency as scope,
        'share of due ' || currency || ' reconciled that matches by itself' as unit,
        cast(coalesce(sum(amount) filter (where status = 'matched'), 0) as decimal(38, 12)) as numerator,
        cast(sum(amount) as decimal(38, 12)) as denominator,
        count(*) as sample_size
    from reconciled
    group by period, scope, currency

),

close_kpis as (

    select
        'close_days' as kpi_id,
        period,
        selling_entity as scope,
        'days from the end of the month to its first lock' as unit,
        cast(
            date_diff('day', cast(cast(period || '-01' as date) + interval 1 month as date), min(as_of))
            as decimal(38, 12)
        ) as numerator,
        cast(1 as decimal(38, 12)) as denominator,
        cast(1 as bigint) as sample_size
    from {{ ref('stg_ledger__period_events') }}
    where event = 'locked'
    group by period, selling_entity

),

gathered as (

    select * from documents
    union all
    select * from usage_kpis
    union all
    select * from money_kpis
    union all
    select * from marketplace_kpis
    union all
    select * from cash_kpis
    union all
    select * from close_kpis
    union all
    select * from credit_kpis

),

final as (

    select
        kpi_id,
        period,
        scope,
        numerator,
        denominator,
        -- no population, no rate: null, never 0 or 100 %
        cast({{ divide('numerator', 'denominator') }} as decimal(38, 12)) as value,
        unit,
        sample_size
    from gathered
    cross join run
    where period <= {{ month_of('run.as_of') }}

)

select * from final
