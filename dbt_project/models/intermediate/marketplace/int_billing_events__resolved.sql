with versions as (

    select * from {{ ref('stg_aws_marketplace__billing_events') }}

),

-- Apart from the events themselves: their rows are wide, and nearly every event has one.
ranked as (

    select
        file_sequence,
        line,
        row_number() over (
            partition by billing_event_id
            order by update_date desc nulls last, insert_date desc nulls last, file_sequence desc, line desc
        ) as recency,
        min(first_seen) over (partition by billing_event_id) as first_seen,
        count(*) over (partition by billing_event_id) as versions
    from versions

),

final as (

    select
        versions.* exclude (delete_date, extra, path, line, first_seen),
        ranked.first_seen,
        ranked.versions
    from versions
    inner join ranked on versions.file_sequence = ranked.file_sequence and versions.line = ranked.line
    where ranked.recency = 1 and versions.delete_date is null

)

select * from final
