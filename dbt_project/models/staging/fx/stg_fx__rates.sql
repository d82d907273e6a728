with source as (

    select * from {{ source('raw_fx', 'rates') }}

),

final as (

    select
        rate_date,
        base_currency,
        quote_currency,
        rate,
        rate_type,
        rate_source,
        file_sequence,
        line
    from source

)

select * from final
