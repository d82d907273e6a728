with source as (

    select * from {{ source('raw_marketplace', 'offerproductfeed') }}

),

final as (

    select
        offer_id,
        offer_revision,
        product_id,
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
