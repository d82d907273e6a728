with periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

-- The document that bills the usage of a billing period is the contract's at the period's end.
final as (

    select
        periods.contract_id,
        periods.period_from,
        periods.period_to,
        periods.period_from_at,
        periods.period_to_at,
        min(drafts.document_id) as document_id
    from periods
    left join drafts
        on periods.contract_id = drafts.contract_id
        and periods.period_to = drafts.bill_date
    group by all

)

select * from final
