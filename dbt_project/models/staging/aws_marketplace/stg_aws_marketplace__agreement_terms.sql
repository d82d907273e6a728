with source as (

    select * from {{ source('raw_marketplace', 'agreementtermfeed') }}

),

final as (

    select
        agreement_id,
        term_id,
        term_type,
        term_configuration,
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
