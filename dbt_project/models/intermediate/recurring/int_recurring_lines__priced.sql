with stretches as (

    select * from {{ ref('int_recurring_stretches__cut') }}

),

suspensions as (

    select * from {{ ref('int_recurring_suspensions__merged') }}

),

rates as (

    select * from {{ ref('int_recurring_rates__priced') }}

),

one_time_lines as (

    select * from {{ ref('int_one_time_lines__priced') }}

),

suspended_parts as (

    select
        stretches.contract_id,
        stretches.charge_id,
        stretches.period_no,
        stretches.stretch_no,
        min(greatest(stretches.stretch_from, suspensions.suspended_from)) as suspended_from,
        max(least(stretches.stretch_to, suspensions.suspended_to)) as suspended_to,
        sum({{ elapsed(
            'greatest(stretches.stretch_from, suspensions.suspended_from)',
            'least(stretches.stretch_to, suspensions.suspended_to)',
            'stretches.proration', 'stretches.timezone') }}) as suspended_time
    from stretches
    inner join suspensions
        on stretches.contract_id = suspensions.contract_id
        and stretches.charge_id = suspensions.charge_id
        and stretches.stretch_from < suspensions.suspended_to
        and stretches.stretch_to > suspensions.suspended_from
    group by stretches.contract_id, stretches.charge_id, stretches.period_no, stretches.stretch_no

),

measured as (

    select
        stretches.*,
        rates.model,
        rates.period_amount,
        suspended_parts.suspended_from,
        suspended_parts.suspended_to,
        coalesce(suspended_parts.suspended_time, 0) as suspended_time,
        {{ elapsed('stretches.full_from', 'stretches.full_to', 'stretches.proration', 'stretches.timezone') }}
            as full_time,
        {{ elapsed('stretches.stretch_from', 'stretches.stretch_to', 'stretches.proration', 'stretches.timezone') }}
            as stretch_time,
        -- What an advance bill knows on its day: the terms at the start of the period, running at that moment.
        stretches.timing = 'advance'
        and stretches.stretch_from = stretches.charged_from
        and coalesce(suspended_parts.suspended_from > stretches.stretch_from, true) as is_billed_ahead
    from stretches
    inner join rates
        on stretches.contract_id = rates.contract_id
        and stretches.version = rates.version
        and stretches.charge_id = rates.charge_id
        and stretches.quantity = rates.quantity
    left join suspended_parts
        on stretches.contract_id = suspended_parts.contract_id
        and stretches.charge_id = suspended_parts.charge_id
        and stretches.period_no = suspended_parts.period_no
        and stretches.stretch_no = suspended_parts.stretch_no
    where rates.period_amount is not null

),

-- A change inside the period charges the rest of it with the new terms, so a second change has an unused part too.
reaching as (

    select
        *,
        case
            when is_billed_ahead then planned_to
            when timing = 'advance' then least(planned_to, period_to)
            else stretch_to
        end as rest_to
    from measured

),

reached as (

    select
        *,
        {{ elapsed('stretch_from', 'rest_to', 'proration', 'timezone') }} as rest_time,
        {{ elapsed('stretch_to', 'rest_to', 'proration', 'timezone') }} as unused_time
    from reaching

),

-- Without proration the terms at the start of the charge's time in the period are due in full.
unprorated as (

    select
        *,
        case when timing = 'advance' then period_from else period_to end as bill_date,
        case when timing = 'advance' then 'advance' else 'arrears' end as bill_timing,
        'full' as part,
        stretch_from as service_from,
        case when timing = 'advance' then planned_to else period_to end as service_to,
        cast(1 as bigint) as part_time,
        cast(1 as bigint) as whole_time,
        1 as direction
    from reached
    where proration = 'none' and stretch_no = 1 and suspended_time < stretch_time

),

prorated as (

    select * from reached
    where proration <> 'none'

),

billed_ahead as (

    select
        *,
        period_from as bill_date,
        'advance' as bill_timing,
        'ahead' as part,
        stretch_from as service_from,
        rest_to as service_to,
        rest_time as part_time,
        full_time as whole_time,
        1 as direction
    from prorated
    where is_billed_ahead

),

-- A change inside the period: the unused part of what was charged to its end comes back on the bill at that end.
unused as (

    select
        *,
        period_to as bill_date,
        'arrears' as bill_timing,
        'unused' as part,
        stretch_to as service_from,
        rest_to as service_to,
        unused_time as part_time,
        full_time as whole_time,
        -1 as direction
    from prorated
    where timing = 'advance' and unused_time > 0 and (is_billed_ahead or stretch_time > suspended_time)

),

suspended_ahead as (

    select
        *,
        period_to as bill_date,
        'arrears' as bill_timing,
        'suspended' as part,
        suspended_from as service_from,
        suspended_to as service_to,
        suspended_time as part_time,
        full_time as whole_time,
        -1 as direction
    from prorated
    where is_billed_ahead and suspended_time > 0

),

-- Charges in arrears, and whatever of an advance charge its first bill could not know.
billed_behind as (

    select
        *,
        period_to as bill_date,
        'arrears' as bill_timing,
        'behind' as part,
        stretch_from as service_from,
        rest_to as service_to,
        rest_time - suspended_time as part_time,
        full_time as whole_time,
        1 as direction
    from prorated
    where not is_billed_ahead and stretch_time > suspended_time

),

parts as (

    select * from unprorated
    union all
    select * from billed_ahead
    union all
    select * from unused
    union all
    select * from suspended_ahead
    union all
    select * from billed_behind

),

amounts as (

    select
        *,
        direction * {{ prorate('period_amount', 'part_time', 'whole_time') }} as unrounded_amount
    from parts
    where quantity <> 0 or period_amount <> 0

),

recurring_lines as (

    select
        concat_ws('/', contract_id, bill_date, charge_id, 'recurring', part, service_from, service_to) as line_key,
        cast(null as varchar) as parent_line_key,
        contract_id,
        bill_date,
        bill_timing as timing,
        charge_id,
        cast(null as varchar) as reference_id,
        'recurring' as line_kind,
        product,
        cast(null as varchar) as meter,
        '{}' as group_key,
        service_from,
        service_to,
        cast(direction * case when model = 'flat' then 1 else quantity end as decimal(38, 12)) as quantity,
        case when model = 'flat' then 'period' else 'seat' end as unit,
        cast(unrounded_amount as decimal(38, 12)) as unrounded_amount,
        {{ round_amount('unrounded_amount', 'rounding_places', 'rounding_mode') }} as amount,
        currency,
        price_version,
        cast(null as varchar) as original_period
    from amounts

),

final as (

    select {{ line_columns() }} from recurring_lines
    union all
    select {{ line_columns() }} from one_time_lines

)

select * from final
