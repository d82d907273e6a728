with drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

population as (

    select
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount
    from drafts

),

sums as (

    select
        document_id,
        sum(amount) as amount,
        count(*) filter (where currency is null) as lines_without_currency,
        min(currency) as first_currency,
        max(currency) as last_currency
    from lines
    group by document_id

),

compared as (

    select
        drafts.*,
        coalesce(sums.amount, 0) as line_amount,
        drafts.subtotal + drafts.discount + drafts.credit_applied + drafts.tax as kind_amount,
        sums.first_currency,
        sums.last_currency,
        sums.lines_without_currency
    from drafts
    left join sums on drafts.document_id = sums.document_id

),

violations as (

    select
        close_period as period,
        selling_entity,
        channel,
        document_id as violation_key,
        'B10' as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        case when total <> line_amount then total - line_amount else total - kind_amount end as amount,
        currency,
        case
            when total > line_amount or (total = line_amount and total > kind_amount) then 'over_billed'
            else 'under_billed'
        end as direction,
        null as suggested_cause,
        json_object(
            'document_id', document_id, 'total', cast(total as varchar), 'lines', cast(line_amount as varchar),
            'by_kind', cast(kind_amount as varchar), 'line_currencies', [first_currency, last_currency]
        ) as evidence
    from compared
    where
        total <> line_amount
        or total <> kind_amount
        or lines_without_currency > 0
        or first_currency is distinct from currency
        or last_currency is distinct from currency

),

{{ control_rows('INV-01') }}
