with source as (

    select * from {{ source('raw_marketplace', 'unknown_values') }}

),

final as (

    select
        feed,
        column_name,
        value,
        rows,
        file_sequence,
        first_seen
    from source

)

select * from final
