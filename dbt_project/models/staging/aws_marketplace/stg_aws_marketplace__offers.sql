with source as (

    select * from {{ source('raw_marketplace', 'offerfeed') }}

),

final as (

    select
        offer_id,
        offer_revision,
        name as offer_name,
        expiration_date,
        opportunity_id,
        opportunity_name,
        opportunity_description,
        seller_account_id,
        recipient_account_id,
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
