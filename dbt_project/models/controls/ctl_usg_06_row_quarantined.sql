-- Conflicts and rows from the future have controls of their own. Faulty rows of other sources belong to no scope.
with unbilled as (

    select
        *,
        case when source = 'usage' then reason else source || ' ' || reason end as kind
    from {{ ref('int_controls__unbilled_rows') }}
    where origin = 'quarantine' and reason not in ('conflict', 'future')

),

{{ landed_usage_population() }},

{{ unbilled_violations("'B21'") }},

{{ control_rows('USG-06') }}
