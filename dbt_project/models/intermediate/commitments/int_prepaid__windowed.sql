with commitments as (

    select * from {{ ref('int_commitments__in_force') }}
    where kind = 'prepaid' and amount is not null

),

periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__listed') }}

),

credited as (

    select * from {{ ref('int_purchases__credited') }}

),

run as (

    select {{ as_of() }} as as_of

),

shaped as (

    select
        commitments.*,
        run.as_of,
        case commitments.time_window when 'month' then 1 when 'annual' then 12 end as step_months,
        case commitments.time_window when 'month' then commitments.anchor_date else commitments.first_from end
            as step_from
    from commitments
    cross join run
    where commitments.part_no = 1 and commitments.first_from <= run.as_of

),

steps as (

    select
        *,
        unnest(range(
            {{ billing_step_near('step_from', 'first_from', 'step_months', '1', -2) }},
            {{ billing_step_near('step_from', 'least(last_to, as_of)', 'step_months', '1', 3) }}
        )) as step_no
    from shaped
    where time_window in ('month', 'annual')

),

windows as (

    select
        contract_id,
        commitment_id,
        first_from as full_from,
        last_to as full_to
    from shaped
    where time_window = 'contract'

    union all

    select
        shaped.contract_id,
        shaped.commitment_id,
        periods.full_from,
        periods.full_to
    from shaped
    inner join periods on shaped.contract_id = periods.contract_id
    where shaped.time_window = 'billing_period'

    union all

    select
        contract_id,
        commitment_id,
        {{ billing_boundary('step_from', 'step_no', 'step_months', '0') }} as full_from,
        {{ billing_boundary('step_from', '(step_no + 1)', 'step_months', '0') }} as full_to
    from steps

),

clipped as (

    select
        shaped.contract_id,
        shaped.commitment_id,
        shaped.time_window,
        windows.full_from,
        windows.full_to,
        greatest(windows.full_from, shaped.first_from) as window_from,
        least(windows.full_to, shaped.last_to) as window_to
    from windows
    inner join shaped
        on windows.contract_id = shaped.contract_id
        and windows.commitment_id = shaped.commitment_id
    where
        greatest(windows.full_from, shaped.first_from) < least(windows.full_to, shaped.last_to)
        and greatest(windows.full_from, shaped.first_from) <= shaped.as_of

),

-- A window is bought on the terms in force when it begins, on the first bill date from then on.
bought as (

    select
        clipped.contract_id,
        clipped.commitment_id,
        clipped.time_window,
        clipped.window_from,
        clipped.window_to,
        commitments.version,
        commitments.currency,
        commitments.timezone,
        commitments.expires_at,
        commitments.rollover_min,
        commitments.rollover_max,
        commitments.rounding_places,
        commitments.rounding_mode,
        case
            when commitments.prorate and clipped.time_window <> 'contract'
                then {{ multiply_divide(
                    'commitments.amount',
                    elapsed('clipped.window_from', 'clipped.window_to', 'commitments.proration', 'commitments.timezone'),
                    elapsed('clipped.full_from', 'clipped.full_to', 'commitments.proration', 'commitments.timezone')
                ) }}
            else commitments.amount
        end as unrounded_amount,
        min(bill_dates.bill_date) as bill_date
    from clipped
    inner join commitments
        on clipped.contract_id = commitments.contract_id
        and clipped.commitment_id = commitments.commitment_id
        and clipped.window_from >= commitments.part_from
        and clipped.window_from < commitments.part_to
    inner join bill_dates
        on clipped.contract_id = bill_dates.contract_id
        and clipped.window_from <= bill_dates.bill_date
    group by all

),

rounded as (

    select
        *,
        {{ round_amount('unrounded_amount', 'rounding_places', 'rounding_mode') }} as amount
    from bought

),

-- A step of its own: written into the rounding, it would be planned once for every way of rounding.
left_over as (

    select
        rounded.*,
        {{ purchase_granted('rounded.amount', 'credited.billed_amount', 'credited.credited_amount') }} as left_amount
    from rounded
    left join credited
        on rounded.contract_id = credited.contract_id
        and rounded.commitment_id = credited.charge_id
        and rounded.window_from = credited.service_from

),

final as (

    select
        * exclude (rounding_places, rounding_mode, left_amount),
        {{ round_amount('left_amount', 'rounding_places', "'floor'") }} as granted_amount
    from left_over

)

select * from final
