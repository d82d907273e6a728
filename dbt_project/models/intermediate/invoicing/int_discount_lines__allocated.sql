with eligible as materialized (

    select * from {{ ref('int_discounts__eligible') }}

),

lines as materialized (

    select * from {{ ref('int_priced_lines__collected') }}

),

applied as (

    select * from {{ apply_discounts('lines', 'eligible') }}

),

final as (

    select
        concat_ws('/', applied.line_key, 'discount', applied.discount_id) as line_key,
        applied.line_key as parent_line_key,
        lines.contract_id,
        lines.bill_date,
        lines.timing,
        lines.charge_id,
        applied.discount_id as reference_id,
        'discount' as line_kind,
        lines.product,
        lines.meter,
        lines.group_key,
        lines.service_from,
        lines.service_to,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit,
        cast(-applied.unrounded_discount as decimal(38, 12)) as unrounded_amount,
        cast(-applied.discount_amount as decimal(38, 12)) as amount,
        lines.currency,
        lines.price_version,
        lines.original_period
    from applied
    inner join lines on applied.line_key = lines.line_key
    where applied.discount_amount <> 0

)

select * from final
