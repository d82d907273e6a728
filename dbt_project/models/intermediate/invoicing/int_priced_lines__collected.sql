with charge_lines as (

    select * from {{ ref('int_charge_lines__rounded') }}

),

commitment_lines as (

    select * from {{ ref('int_commitment_lines__computed') }}

),

billed_lines as (

    select * from {{ ref('int_billed_lines__standing') }}

),

adjustments as (

    select * from {{ ref('int_adjustments__computed') }}

),

billed as (

    select * from {{ ref('int_bill_dates__billed') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__extended') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

rated_lines as (

    select {{ line_columns() }}, position from charge_lines
    union all
    -- Commitment lines stand after the charges.
    select {{ line_columns() }}, 1000000 as position from commitment_lines

),

-- A billed bill date has the lines of its document, and what they should be now goes on as adjustments. Where those
-- cannot be placed it is drawn up again as it should be, and the difference shows.
as_billed as (

    select billed.*
    from billed
    where
        not exists (
            select 1
            from adjustments
            where
                adjustments.contract_id = billed.contract_id
                and adjustments.priced_bill_date = billed.bill_date
                and adjustments.bill_date is null
        )

),

lines as (

    select rated_lines.*
    from rated_lines
    where
        not exists (
            select 1
            from as_billed
            where as_billed.contract_id = rated_lines.contract_id and as_billed.bill_date = rated_lines.bill_date
        )

    union all

    -- An adjustment that was billed stays on its document, also where that is drawn up again.
    select
        {{ line_columns('billed_lines') }},
        case when as_billed.contract_id is null then 2000000 else billed_lines.line_no end as position
    from billed_lines
    left join as_billed
        on billed_lines.contract_id = as_billed.contract_id
        and billed_lines.bill_date = as_billed.bill_date
    where
        as_billed.contract_id is not null
        or (billed_lines.line_kind = 'adjustment' and billed_lines.priced_bill_date <> billed_lines.bill_date)

    union all

    -- Adjustments stand after the commitments.
    select
        {{ line_columns() }},
        2000000 as position
    from adjustments
    where bill_date is not null

    union all

    -- What is drawn up again leaves out what later documents have billed of it as adjustments.
    select
        billed_lines.line_key || '/taken' as line_key,
        billed_lines.parent_line_key,
        billed_lines.contract_id,
        billed_lines.priced_bill_date as bill_date,
        billed_lines.timing,
        billed_lines.charge_id,
        billed_lines.reference_id,
        billed_lines.line_kind,
        billed_lines.product,
        billed_lines.meter,
        billed_lines.group_key,
        billed_lines.service_from,
        billed_lines.service_to,
        cast(-billed_lines.quantity as decimal(38, 12)) as quantity,
        billed_lines.unit,
        cast(-billed_lines.unrounded_amount as decimal(38, 12)) as unrounded_amount,
        cast(-billed_lines.amount as decimal(38, 12)) as amount,
        billed_lines.currency,
        billed_lines.price_version,
        billed_lines.original_period,
        2000000 as position
    from billed_lines
    left join as_billed
        on billed_lines.contract_id = as_billed.contract_id
        and billed_lines.priced_bill_date = as_billed.bill_date
    where
        as_billed.contract_id is null
        and billed_lines.line_kind = 'adjustment'
        and billed_lines.priced_bill_date <> billed_lines.bill_date

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
        -- Earlier documents have drawn the credit they show: an adjustment burns after them, before its own document.
        case when lines.line_kind = 'adjustment' then bill_dates.ended_from end as burns_from,
        row_number() over (
            partition by lines.contract_id
            order by
                lines.bill_date, lines.position, lines.charge_id, {{ priced_kind('lines') }} = 'minimum',
                lines.group_key, lines.service_from, lines.line_key
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
