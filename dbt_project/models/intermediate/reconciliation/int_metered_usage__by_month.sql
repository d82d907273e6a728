with contracts as (

    select * from {{ ref('int_marketplace_contracts__current') }}

),

lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}
    where contract_id in (select contracts.contract_id from contracts)

),

usage_lines as (

    select
        document_id,
        line_no,
        contract_id,
        service_from,
        unrounded_amount,
        currency
    from lines
    where {{ priced_kind('lines') }} in ('usage', 'minimum', 'overage', 'true_up')

),

-- A discount or promotional credit lowers what is metered; tax and fee are AWS's own.
reductions as (

    select
        lines.document_id,
        lines.line_no,
        lines.contract_id,
        usage_lines.service_from,
        lines.unrounded_amount,
        lines.currency
    from lines
    inner join usage_lines
        on lines.document_id = usage_lines.document_id
        and lines.parent_line_no = usage_lines.line_no
    where lines.line_kind in ('discount', 'credit')

),

metered as (

    select * from usage_lines
    union all
    select * from reductions

),

final as (

    select
        metered.contract_id,
        {{ month_of('metered.service_from') }} as period,
        metered.currency,
        min(metered.document_id) as document_id,
        cast(sum(metered.unrounded_amount) as decimal(38, 12)) as amount,
        count(*) as line_count
    from metered
    group by metered.contract_id, {{ month_of('metered.service_from') }}, metered.currency

)

select * from final
