with usage_lines as (

    select {{ line_columns() }} from {{ ref('int_usage_lines__priced') }}

),

recurring_lines as (

    select {{ line_columns() }} from {{ ref('int_recurring_lines__priced') }}

),

recurring_minimums as (

    select {{ line_columns() }} from {{ ref('int_recurring_minimums__computed') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__listed') }}

),

charges as (

    select * from {{ ref('stg_contracts__charges') }}

),

positions as (

    select
        contract_id,
        charge_id,
        arg_max(position, version) as position
    from charges
    group by contract_id, charge_id

),

lines as (

    select * from usage_lines
    union all
    select * from recurring_lines
    union all
    select * from recurring_minimums

),

placed as (

    select
        lines.* exclude (amount),
        lines.amount as line_amount,
        coalesce(positions.position, 0) as position,
        bill_dates.rounding_places,
        bill_dates.rounding_mode,
        bill_dates.rounding_stage,
        -- Stage total: one rounding for all charges of a document; stage line: one for each line.
        case when bill_dates.rounding_stage = 'total' then '' else lines.line_key end as rounding_group
    from lines
    inner join bill_dates
        on lines.contract_id = bill_dates.contract_id
        and lines.bill_date = bill_dates.bill_date
    left join positions
        on lines.contract_id = positions.contract_id
        and lines.charge_id = positions.charge_id

),

rounded as (

    select * from {{ round_together(
        'placed', 'contract_id, bill_date, rounding_group', 'rounding_places', 'rounding_mode',
        'position, charge_id, group_key, service_from, line_key') }}

),

final as (

    select
        * exclude (line_amount, rounded_amount, rounding_group, rounding_places, rounding_mode, rounding_stage),
        case when rounding_stage = 'total' then rounded_amount else line_amount end as amount
    from rounded

)

select {{ line_columns() }}, position from final
