with files as (

    select *
    from {{ ref('stg_landing__files') }}
    where source = 'usage' and status <> 'duplicate'

),

-- The manifest that was compared with the file; for a file that could not be read, the one beside it.
manifests as (

    select
        files.file_sequence as data_file_sequence,
        manifests.* exclude (data_file_sequence)
    from files
    inner join {{ ref('stg_landing__manifests') }} as manifests
        on files.file_sequence = manifests.data_file_sequence
        or (manifests.data_file_sequence is null and files.path = manifests.data_path)
    qualify
        row_number() over (
            partition by files.file_sequence
            order by manifests.data_file_sequence nulls last, manifests.file_sequence desc
        ) = 1

),

-- A file without a manifest comes from the one producer whose files stand in its folder, if there is one.
folders as (

    select
        regexp_replace(files.path, '[^/]*$', '') as folder,
        min(manifests.producer) as producer
    from files
    inner join manifests on files.file_sequence = manifests.data_file_sequence
    where manifests.producer is not null
    group by folder
    having count(distinct manifests.producer) = 1

),

conservation as (

    select * from {{ ref('stg_landing__conservation') }}

),

set_aside as (

    select
        file_sequence,
        arg_min(code, reason) as code,
        min(reason) as reason
    from {{ ref('stg_landing__quarantine') }}
    where line is null
    group by file_sequence

),

final as (

    select
        files.file_sequence,
        files.path,
        files.sha256,
        files.first_seen,
        files.status,
        coalesce(
            manifests.producer, folders.producer, 'folder ' || regexp_replace(files.path, '[^/]*$', '')
        ) as producer,
        manifests.producer is not null as is_sequenced,
        manifests.producer_sequence,
        manifests.agrees,
        manifests.disagreement,
        manifests.min_time,
        manifests.max_time,
        manifests.records as stated_records,
        coalesce(conservation.received, 0) as received,
        coalesce(conservation.accepted, 0) as accepted,
        set_aside.code as set_aside_code,
        set_aside.reason as set_aside_reason,
        -- A good copy in the same place, or under the same number of the producer, answers for a bad one.
        exists(
            select 1
            from files as others
            left join manifests as other_manifests on others.file_sequence = other_manifests.data_file_sequence
            where
                others.file_sequence <> files.file_sequence
                and others.status = 'loaded'
                and (
                    others.path = files.path
                    or (
                        other_manifests.producer = manifests.producer
                        and other_manifests.producer_sequence = manifests.producer_sequence
                    )
                )
        ) as is_replaced
    from files
    left join manifests on files.file_sequence = manifests.data_file_sequence
    left join conservation on files.file_sequence = conservation.file_sequence
    left join folders on regexp_replace(files.path, '[^/]*$', '') = folders.folder
    left join set_aside on files.file_sequence = set_aside.file_sequence

)

select * from final
