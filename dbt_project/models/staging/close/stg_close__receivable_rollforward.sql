with source as (

    select * from {{ source('raw_close', 'receivable_rollforward') }}

),

final as (

    select
        kind,
        period,
        selling_entity,
        currency,
        agreement_id,
        cast(opening as decimal(38, 12)) as opening,
        cast(invoiced as decimal(38, 12)) as invoiced,
        cast(credited as decimal(38, 12)) as credited,
        cast(collected as decimal(38, 12)) as collected,
        cast(paid_from_credits as decimal(38, 12)) as paid_from_credits,
        cast(rated as decimal(38, 12)) as rated,
        cast(granted as decimal(38, 12)) as granted,
        cast(used as decimal(38, 12)) as used,
        cast(expired as decimal(38, 12)) as expired,
        cast(closing as decimal(38, 12)) as closing,
        cast(difference as decimal(38, 12)) as difference,
        aws_entity,
        cast(refunded as decimal(38, 12)) as refunded,
        cast(forgiven as decimal(38, 12)) as forgiven,
        cast(adjusted as decimal(38, 12)) as adjusted,
        cast(disbursed as decimal(38, 12)) as disbursed,
        cast(failed as decimal(38, 12)) as failed,
        cast(received as decimal(38, 12)) as received,
        cast(applied as decimal(38, 12)) as applied,
        cast(brought_forward as decimal(38, 12)) as brought_forward
    from source

)

select * from final
