with source as (

    select * from {{ source('raw_marketplace', 'dailyusagefeed') }}

),

final as (

    select
        usage_feed_id,
        usage_date,
        product_id,
        agreement_id,
        end_user_account_id,
        payer_account_id,
        region,
        dimension_key,
        usage_unit,
        usage_quantity,
        pricing_currency,
        estimated_revenue_in_pricing_currency,
        usage_rate_per_unit_in_pricing_currency,
        offer_id,
        charge_item_description,
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
