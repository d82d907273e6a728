with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

redrafts as (

    select * from {{ ref('stg_ledger__corrections') }}

),

-- What a void or a rebill ended, or is about to end in this run, does not stand: its bill date is drafted again.
final as (

    select
        issued.contract_id,
        issued.bill_date,
        issued.document_id,
        issued.account_id,
        issued.channel,
        issued.selling_entity,
        issued.currency,
        issued.period_from,
        issued.period_to,
        case
            when issued.period_to <= issued.bill_date then {{ month_of('issued.period_to - 1') }}
            else {{ month_of('issued.period_from') }}
        end as natural_period
    from issued
    left join redrafts
        on issued.contract_id = redrafts.contract_id
        and issued.bill_date = redrafts.bill_date
    where
        issued.is_correction is not true
        and redrafts.contract_id is null
        and issued.voided_on is null
    qualify row_number() over (
        partition by issued.contract_id, issued.bill_date order by issued.revision desc, issued.kind
    ) = 1

)

select * from final
