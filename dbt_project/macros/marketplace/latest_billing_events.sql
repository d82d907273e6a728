{# From versions of billing events (a relation, or a CTE that is not materialized: the rows are wide, and a reader takes few
   columns) to the events, as the select of a CTE: the version that the feed updated last, unless that one was deleted.
   Nearly every event has one version, so only the others are ranked. #}
{% macro latest_billing_events(versions) -%}
    with repeated as (

        select billing_event_id
        from {{ versions }} as versions
        group by billing_event_id
        having count(*) > 1

    ),

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
        from {{ versions }} as versions
        where billing_event_id in (select repeated.billing_event_id from repeated)

    )

    select
        versions.* exclude (delete_date, extra, path, line, first_seen),
        coalesce(ranked.first_seen, versions.first_seen) as first_seen,
        coalesce(ranked.versions, 1) as versions
    from {{ versions }} as versions
    left join ranked on versions.file_sequence = ranked.file_sequence and versions.line = ranked.line
    where coalesce(ranked.recency, 1) = 1 and versions.delete_date is null
{%- endmacro %}
