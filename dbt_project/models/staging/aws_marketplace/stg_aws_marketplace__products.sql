with source as (

    select * from {{ source('raw_marketplace', 'productfeed') }}

),

final as (

    select
        product_id,
        manufacturer_account_id,
        product_code,
        title,
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
