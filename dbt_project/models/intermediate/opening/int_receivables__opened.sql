with openings as (

    select * from {{ ref('int_openings__effective') }}
    where kind = 'receivable'

),

final as (

    select
        concat_ws('/', 'opening', selling_entity, document_kind, number) as document_id,
        number,
        document_kind as kind,
        contract_id,
        account_id,
        'direct' as channel,
        selling_entity,
        currency,
        issue_date,
        due_date,
        as_of as opened_on,
        period,
        -- what was open at the cut-over: what was paid before is the former system's
        amount as total,
        cast(0 as decimal(38, 12)) as paid_from_credits
    from openings

)

select * from final
