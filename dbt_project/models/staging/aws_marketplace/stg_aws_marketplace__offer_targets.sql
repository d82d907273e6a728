with source as (

    select * from {{ source('raw_marketplace', 'offertargetfeed') }}

),

final as (

    select
        offer_target_id,
        offer_id,
        offer_revision,
        target_type,
        polarity,
        value as target_value,
        catalog,
        valid_from,
        insert_date,
        update_date,
        delete_date,
        extra,
        path,
        file_sequence,
        line,
        first_seen
    from source
    where dropped_on is null

)

select * from final
