with charge_lines as (

    select * from {{ ref('int_charge_lines__rounded') }}

),

commitment_lines as (

    select * from {{ ref('int_commitment_lines__computed') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__listed') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

lines as (

    select {{ line_columns() }}, position from charge_lines
    union all
    -- Commitment lines stand after the charges.
    select {{ line_columns() }}, 1000000 as position from commitment_lines

),

final as (

    select
        lines.*,
        versioned.version,
        versioned.timezone,
        bill_dates.rounding_places,
        bill_dates.rounding_mode,
        bill_dates.rounding_stage,
        bill_dates.tax_rounding,
        row_number() over (
            partition by lines.contract_id
            order by
                lines.bill_date, lines.position, lines.charge_id, lines.line_kind = 'minimum', lines.group_key,
                lines.service_from, lines.line_key
        ) as line_order
    from lines
    inner join bill_dates
        on lines.contract_id = bill_dates.contract_id
        and lines.bill_date = bill_dates.bill_date
    -- The version in force when the service begins; after the contract's end, its last.
    asof inner join versioned
        on lines.contract_id = versioned.contract_id
        and lines.service_from >= versioned.in_force_from

)

select * from final
