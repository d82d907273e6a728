with commitments as (

    select * from {{ ref('int_commitments__in_force') }}
    where kind in ('minimum_spend', 'windowed')

),

periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__listed') }}

),

run as (

    select {{ as_of() }} as as_of

),

-- The latest terms say how its windows lie.
shaped as (

    select
        commitments.*,
        run.as_of,
        case time_window when 'month' then 1 when 'annual' then 12 end as step_months,
        case time_window when 'month' then anchor_date else first_from end as step_from
    from commitments
    cross join run
    qualify row_number() over (partition by contract_id, commitment_id order by part_no desc) = 1

),

period_windows as (

    select
        shaped.contract_id,
        shaped.commitment_id,
        shaped.first_from,
        shaped.last_to,
        periods.period_from as window_from,
        periods.period_to as window_to,
        periods.full_from,
        periods.full_to
    from shaped
    inner join periods on shaped.contract_id = periods.contract_id
    where shaped.time_window = 'billing_period'

),

steps as (

    select
        *,
        unnest(range(
            {{ billing_step_near('step_from', 'first_from', 'step_months', '1', -2) }},
            {{ billing_step_near('step_from', 'least(last_to, as_of)', 'step_months', '1', 3) }}
        )) as step_no
    from shaped
    where time_window in ('month', 'annual') and first_from <= as_of

),

stepped_windows as (

    select
        contract_id,
        commitment_id,
        first_from,
        last_to,
        {{ billing_boundary('step_from', 'step_no', 'step_months', '0') }} as window_from,
        {{ billing_boundary('step_from', '(step_no + 1)', 'step_months', '0') }} as window_to,
        window_from as full_from,
        window_to as full_to
    from steps

),

contract_windows as (

    select
        contract_id,
        commitment_id,
        first_from,
        last_to,
        first_from as window_from,
        last_to as window_to,
        first_from as full_from,
        greatest(last_to, coalesce(longest_to, last_to)) as full_to
    from shaped
    where time_window = 'contract'

),

windows as (

    select * from period_windows
    union all
    select * from stepped_windows
    union all
    select * from contract_windows

),

clipped as (

    select
        contract_id,
        commitment_id,
        greatest(window_from, first_from) as window_from,
        least(window_to, last_to) as window_to,
        full_from,
        full_to
    from windows
    where greatest(window_from, first_from) < least(window_to, last_to)

),

-- A window is settled on its last bill: the first bill date on or after its end.
billed as (

    select
        clipped.contract_id,
        clipped.commitment_id,
        clipped.window_from,
        clipped.window_to,
        clipped.full_from,
        clipped.full_to,
        min(bill_dates.bill_date) filter (where bill_dates.bill_date >= clipped.window_to) as bill_date,
        -- Lines belong to one window only when windows begin and end on bill dates.
        bool_or(bill_dates.bill_date = clipped.window_from)
        and bool_or(bill_dates.bill_date = clipped.window_to) as is_aligned
    from clipped
    inner join bill_dates on clipped.contract_id = bill_dates.contract_id
    group by
        clipped.contract_id, clipped.commitment_id, clipped.window_from, clipped.window_to, clipped.full_from,
        clipped.full_to

),

parts as (

    select
        billed.*,
        commitments.version,
        commitments.kind,
        commitments.time_window,
        commitments.amount,
        commitments.overage_factor,
        commitments.true_up,
        commitments.prorate,
        commitments.currency,
        commitments.rounding_places,
        commitments.rounding_mode,
        commitments.part_from,
        {{ elapsed(
            'greatest(billed.window_from, commitments.part_from)', 'least(billed.window_to, commitments.part_to)',
            'commitments.proration', 'commitments.timezone') }} as part_time,
        {{ elapsed('billed.window_from', 'billed.window_to', 'commitments.proration', 'commitments.timezone') }}
            as window_time,
        {{ elapsed('billed.full_from', 'billed.full_to', 'commitments.proration', 'commitments.timezone') }}
            as full_time
    from billed
    inner join commitments
        on billed.contract_id = commitments.contract_id
        and billed.commitment_id = commitments.commitment_id
        and billed.window_from < commitments.part_to
        and billed.window_to > commitments.part_from

),

shares as (

    select
        *,
        {{ prorate('amount', 'part_time', 'full_time') }} as prorated_amount
    from parts

),

-- The terms in force at the window's end govern it; with proration each version counts for its own days.
combined as (

    select
        contract_id,
        commitment_id,
        window_from,
        window_to,
        bill_date,
        is_aligned,
        arg_max(version, part_from) as version,
        arg_max(kind, part_from) as kind,
        arg_max(time_window, part_from) as time_window,
        arg_max(overage_factor, part_from) as overage_factor,
        arg_max(true_up, part_from) as true_up,
        arg_max(prorate, part_from) as prorate,
        arg_max(currency, part_from) as currency,
        arg_max(rounding_places, part_from) as rounding_places,
        arg_max(rounding_mode, part_from) as rounding_mode,
        case
            when arg_max(prorate, part_from) then cast(sum(prorated_amount) as decimal(38, 12))
            else arg_max(amount, part_from)
        end as unrounded_commitment,
        -- Terms that changed inside the window without proration leave open which amount is meant.
        arg_max(prorate, part_from)
        or (count(distinct amount) <= 1 and sum(part_time) = any_value(window_time)) as is_settled
    from shares
    group by contract_id, commitment_id, window_from, window_to, bill_date, is_aligned

),

final as (

    select
        *,
        {{ round_amount('unrounded_commitment', 'rounding_places', 'rounding_mode') }} as committed_amount
    from combined

)

select * from final
