with unbilled as (

    select
        *,
        'conflict' as kind
    from {{ ref('int_controls__unbilled_rows') }}
    where origin = 'quarantine' and reason = 'conflict'

),

{{ landed_usage_population() }},

{{ unbilled_violations("'B03'") }},

{{ control_rows('USG-04') }}
