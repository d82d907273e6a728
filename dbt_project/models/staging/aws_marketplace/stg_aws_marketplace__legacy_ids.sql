with source as (

    select * from {{ source('raw_marketplace', 'legacyidmappingfeed') }}

),

final as (

    select
        mapping_type,
        legacy_id,
        new_id,
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
