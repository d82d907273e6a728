with lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

discount_lines as (

    select * from {{ ref('int_discount_lines__allocated') }}

),

slices as (

    select * from {{ ref('int_line_slices__weighed') }}

),

eligible as materialized (

    select * from {{ ref('int_slices__eligible') }}
    where pool = 'reduction'

),

discounted as (

    select
        parent_line_key as line_key,
        cast(sum(amount) as decimal(38, 12)) as discount_amount
    from discount_lines
    group by parent_line_key

),

net_lines as (

    select
        lines.line_key,
        lines.contract_id,
        lines.bill_date,
        lines.charge_id,
        lines.line_order,
        lines.rounding_places,
        cast(lines.amount + coalesce(discounted.discount_amount, 0) as decimal(38, 12)) as amount
    from lines
    left join discounted on lines.line_key = discounted.line_key
    where lines.contract_id in (select eligible.contract_id from eligible)

),

{{ drawn_from_lines('net_lines', 'contract_id, bill_date, charge_id') }},

by_line as (

    select
        slices.line_key,
        drawn.grant_id,
        cast(sum(drawn.drawn_amount) as decimal(38, 12)) as drawn_amount
    from drawn
    inner join slices on drawn.slice_key = slices.slice_key
    where drawn.drawn_amount > 0
    group by slices.line_key, drawn.grant_id

),

final as (

    select
        concat_ws('/', lines.line_key, 'credit', by_line.grant_id) as line_key,
        lines.line_key as parent_line_key,
        lines.contract_id,
        lines.bill_date,
        lines.timing,
        lines.charge_id,
        by_line.grant_id as reference_id,
        'credit' as line_kind,
        lines.product,
        lines.meter,
        lines.group_key,
        lines.service_from,
        lines.service_to,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit,
        cast(-by_line.drawn_amount as decimal(38, 12)) as unrounded_amount,
        cast(-by_line.drawn_amount as decimal(38, 12)) as amount,
        lines.currency,
        lines.price_version,
        lines.original_period
    from by_line
    inner join lines on by_line.line_key = lines.line_key

)

select * from final
