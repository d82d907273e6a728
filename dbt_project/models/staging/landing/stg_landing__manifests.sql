with source as (

    select * from {{ source('raw_landing', 'manifests') }}

),

final as (

    select
        file_sequence,
        data_path,
        data_file_sequence,
        records,
        quantity,
        min_time,
        max_time,
        sha256,
        producer,
        producer_sequence,
        agrees,
        disagreement
    from source

)

select * from final
