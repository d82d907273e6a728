{#
  From rows of a feed (CTE `versions`) to the history they tell, as the CTE `final` and its select: of the rows of a key
  with one valid_from the latest update stands, one that was deleted takes its version with it, and a version holds
  until the next one of `history` begins (half-open).
  - key: columns that name a thing; history: those whose versions follow one another (default: the key).
  - Times are compared as instants: how a file spells them does not matter.
  - valid_from null (a feed without the column): from 1970, so that joins by date find the row.
  A tie of update_date is settled by insert_date, then by the row that landed last.
#}
{% macro resolved_versions(key, history=none) %}
dated as (

    select * replace (coalesce(valid_from, timestamp '1970-01-01 00:00:00') as valid_from)
    from versions

),

ranked as (

    select
        *,
        row_number() over (
            partition by {{ key | join(', ') }}, valid_from
            order by update_date desc nulls last, insert_date desc nulls last, file_sequence desc, line desc
        ) as recency
    from dated

),

final as (

    select
        * exclude (delete_date, extra, path, line, recency),
        lead(valid_from, 1, timestamp '2999-01-01 00:00:00') over (
            partition by {{ (history or key) | join(', ') }}
            order by valid_from, {{ key | join(', ') }}
        ) as valid_to
    from ranked
    where recency = 1 and delete_date is null

)

select * from final
{% endmacro %}
