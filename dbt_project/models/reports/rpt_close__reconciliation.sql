-- Header only: the room that fills it is not part of this release. Readers find its columns and types.
with final as (

    select
        cast(null as varchar) as reconciliation_id,
        cast(null as varchar) as period,
        cast(null as varchar) as key,
        cast(null as varchar) as currency,
        cast(null as decimal(38, 12)) as left_amount,
        cast(null as decimal(38, 12)) as right_amount,
        cast(null as decimal(38, 12)) as difference,
        cast(null as varchar) as break_code,
        cast(null as date) as expected_clear,
        cast(null as varchar) as status
    where false

)

select * from final
