-- Header only: the room that fills it is not part of this release. Readers find its columns and types.
with final as (

    select
        cast(null as varchar) as entry_id,
        cast(null as varchar) as document_id,
        cast(null as date) as posting_date,
        cast(null as varchar) as period,
        cast(null as varchar) as selling_entity,
        cast(null as varchar) as account,
        cast(null as decimal(38, 12)) as debit,
        cast(null as decimal(38, 12)) as credit,
        cast(null as varchar) as currency,
        cast(null as varchar) as memo
    where false

)

select * from final
