-- A change inside a period: the rest of it is given back at the old price and charged at the new one.
with cases as (

    select * from {{ ref('cases_stated') }}

),

changes as (

    select
        *,
        {{ local_date('period_from') }} as full_from,
        {{ local_date('period_to') }} as full_to,
        {{ local_date(text_of('inputs', 'change_date')) }} as changed_on
    from cases
    where op in ('plan_change', 'component_change')

),

measured as (

    select
        *,
        greatest({{ days_between('greatest(changed_on, full_from)', 'full_to') }}, 0) as left_days,
        {{ days_between('full_from', 'full_to') }} as full_days
    from changes

),

stated_prices as (

    select
        *,
        {{ number_of('inputs', 'old.quantity') }} as old_quantity,
        {{ number_of('inputs', 'old.unit_price') }} as old_price,
        {{ number_of('inputs', 'old.amount') }} as old_amount,
        {{ number_of('inputs', 'new.quantity') }} as new_quantity,
        {{ number_of('inputs', 'new.unit_price') }} as new_price,
        {{ number_of('inputs', 'new.amount') }} as new_amount,
        {{ number_of('inputs', 'original_amount_paid') }} as paid,
        coalesce({{ number_of('inputs', 'previous_credits') }}, 0) as credited_before
    from measured
    where op = 'plan_change'

),

prices as (

    select
        * exclude (old_amount, new_amount),
        coalesce(old_amount, {{ multiply('old_quantity', 'old_price') }}, 0) as old_amount,
        coalesce(new_amount, {{ multiply('new_quantity', 'new_price') }}, 0) as new_amount
    from stated_prices

),

parts as (

    select
        *,
        {{ prorate('old_amount', 'left_days', 'full_days') }} as unused_part,
        {{ prorate('new_amount', 'left_days', 'full_days') }} as new_part
    from prices

),

rounded_parts as (

    select
        *,
        {{ rounded('unused_part') }} as unused_amount,
        {{ rounded('new_part') }} as charge
    from parts

),

credits as (

    select
        *,
        -case
            when paid is null then unused_amount
            else {{ cap_credit('unused_amount', 'paid', 'credited_before') }}
        end as credit
    from rounded_parts

),

plan_changes as (

    select
        case_id,
        json_object(
            'credit', {{ figure('credit') }},
            'charge', {{ figure('charge') }},
            'net', {{ figure('credit + charge') }}
        ) as figures
    from credits

),

components as (

    select
        *,
        {{ number_of('item', 'old') }} as old_amount,
        {{ number_of('item', 'new') }} as new_amount
    from {{ items('measured', "(inputs -> '$.components')") }}
    where op = 'component_change'

),

component_parts as (

    select
        case_id,
        item_no,
        places,
        mode,
        1 as line_no,
        -{{ prorate('old_amount', 'left_days', 'full_days') }} as part_amount
    from components
    where old_amount is not null and left_days > 0

    union all

    select
        case_id,
        item_no,
        places,
        mode,
        2 as line_no,
        {{ prorate('new_amount', 'left_days', 'full_days') }} as part_amount
    from components
    where new_amount is not null and left_days > 0

),

component_lines as (

    select
        *,
        {{ rounded('part_amount') }} as amount
    from component_parts

),

component_changes as (

    select
        measured.case_id,
        json_object(
            'lines', coalesce(
                {{ figure_list(
                    'component_lines.amount', 'component_lines.item_no, component_lines.line_no',
                    'component_lines.case_id is not null') }}, '[]'
            ),
            'net', {{ figure('coalesce(sum(component_lines.amount), 0)') }}
        ) as figures
    from measured
    left join component_lines on measured.case_id = component_lines.case_id
    where measured.op = 'component_change'
    group by measured.case_id

),

stated_credits as (

    select
        *,
        {{ number_of('inputs', 'credit') }} as credit,
        {{ number_of('inputs', 'original_amount_paid') }} as paid,
        coalesce({{ number_of('inputs', 'previous_credits') }}, 0) as credited_before
    from cases
    where op = 'credit_cap'

),

capped as (

    select
        *,
        {{ cap_credit('credit', 'paid', 'credited_before') }} as amount
    from stated_credits

),

caps as (

    select
        case_id,
        json_object('amount', {{ figure(rounded('amount')) }}) as figures
    from capped

),

final as (

    select * from plan_changes
    union all
    select * from component_changes
    union all
    select * from caps

)

select * from final
