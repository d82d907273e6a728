with source as (

    select * from {{ source('raw_marketplace', 'feed_files') }}

),

final as (

    select
        file_sequence,
        feed,
        period,
        path,
        rows,
        latest_change,
        header,
        unknown_columns,
        missing_columns,
        first_seen,
        is_newest
    from source

)

select * from final
