with source as (

    select * from {{ source('raw_marketplace', 'addressfeed') }}

),

final as (

    select
        address_id,
        aws_account_id,
        email_domain,
        company_name,
        country_code,
        state_or_region,
        city,
        postal_code,
        address_line_1,
        address_line_2,
        address_line_3,
        valid_to as feed_valid_to,
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
