with unbilled as (

    select
        *,
        case
            when reason = 'future' then 'future'
            when event_on < starts_on then 'before start ' || meter
            else 'after end ' || meter
        end as kind
    from {{ ref('int_controls__unbilled_rows') }}
    where reason in ('future', 'no_contract')

),

{{ landed_usage_population() }},

{{ unbilled_violations("case when kind = 'future' then 'B11' else 'B16' end") }},

{{ control_rows('USG-08') }}
