with versions as (

    select * from {{ ref('int_agreements__resolved') }}

),

-- A revision that was rolled back or superseded never took effect on its own.
ranked as (

    select
        *,
        coalesce(status not in ('ROLLED_BACK', 'SUPERSEDED'), true) as is_effective,
        row_number() over (
            partition by agreement_id
            order by
                coalesce(status not in ('ROLLED_BACK', 'SUPERSEDED'), true) desc, status = 'ROLLED_BACK' desc,
                valid_from desc
        ) as recency
    from versions

),

final as (

    select * exclude (recency)
    from ranked
    where recency = 1

)

select * from final
