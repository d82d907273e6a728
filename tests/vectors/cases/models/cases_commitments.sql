-- True-up of a minimum: prorated for the part of the period in force and rounded, less the fees of the period.
with cases as (

    select
        *,
        {{ number_of('inputs', 'minimum') }} as minimum,
        coalesce({{ number_of('inputs', 'proration.days') }}, 1) as part_days,
        coalesce({{ number_of('inputs', 'proration.period_days') }}, 1) as full_days,
        coalesce(cast({{ text_of('inputs', 'round_fees_first') }} as boolean), false) as round_fees_first
    from {{ ref('cases_stated') }}
    where op = 'true_up'

),

fees as (

    select
        case_id,
        sum(case
            when round_fees_first then {{ rounded("cast(item ->> '$' as decimal(38, 12))") }}
            else cast(item ->> '$' as decimal(38, 12))
        end) as spent
    from {{ items('cases', "(inputs -> '$.fees')") }}
    group by case_id

),

prorated as (

    select
        cases.case_id,
        cases.places,
        cases.mode,
        {{ rounded(prorate('cases.minimum', 'cases.part_days', 'cases.full_days')) }} as committed,
        coalesce(fees.spent, 0) as spent
    from cases
    left join fees on cases.case_id = fees.case_id

),

final as (

    select
        case_id,
        json_object('amount', {{ figure(rounded(true_up('committed', 'spent'))) }}, 'minimum', {{ figure('committed') }})
            as figures
    from prorated

)

select * from final
