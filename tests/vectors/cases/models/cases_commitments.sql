-- True-up of a minimum: prorated for the part of the period in force and rounded, less the fees of the period.
with cases as (

    select
        *,
        {{ number_of('inputs', 'minimum') }} as minimum,
        coalesce({{ number_of('inputs', 'proration.days') }}, 1) as part_days,
        coalesce({{ number_of('inputs', 'proration.period_days') }}, 1) as full_days,
        coalesce({{ flag_of('inputs', 'round_fees_first') }}, false) as round_fees_first
    from {{ ref('cases_stated') }}
    where op = 'true_up'

),

fees as (

    select
        *,
        try_cast(item ->> '$' as decimal(38, 12)) as fee
    from {{ items('cases', "(inputs -> '$.fees')") }}

),

fee_sums as (

    select
        case_id,
        sum(case when round_fees_first then {{ rounded('fee') }} else fee end) as spent
    from fees
    group by case_id

),

prorated as (

    select
        cases.case_id,
        cases.places,
        cases.mode,
        {{ prorate('cases.minimum', 'cases.part_days', 'cases.full_days') }} as prorated_minimum,
        coalesce(fee_sums.spent, 0) as spent
    from cases
    left join fee_sums on cases.case_id = fee_sums.case_id

),

committed as (

    select
        *,
        {{ rounded('prorated_minimum') }} as committed
    from prorated

),

compared as (

    select
        *,
        {{ true_up('committed', 'spent') }} as shortfall
    from committed

),

final as (

    select
        case_id,
        json_object('amount', {{ figure(rounded('shortfall')) }}, 'minimum', {{ figure('committed') }}) as figures
    from compared

)

select * from final
