with lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

discount_lines as (

    select * from {{ ref('int_discount_lines__allocated') }}

),

slices as (

    select * from {{ ref('int_line_slices__weighed') }}

),

turns as (

    select * from {{ ref('int_credit_turns__listed') }}
    where pool = 'reduction'

),

eligible as materialized (

    select * from {{ ref('int_slices__eligible') }}
    where pool = 'reduction'

),

run as (

    select {{ as_of() }} as as_of

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

{{ drawn_from_lines('net_lines', 'contract_id, bill_date, charge_id', 'reduction') }},

final as (

    select
        lines.contract_id,
        lines.bill_date,
        lines.line_key,
        drawn.grant_id,
        drawn.step_no,
        {{ drawn_on('slices', 'lines.timezone', 'run.as_of') }} as drawn_on,
        cast(sum(drawn.drawn_amount) as decimal(38, 12)) as drawn_amount
    from drawn
    inner join slices on drawn.slice_key = slices.slice_key
    inner join lines on slices.line_key = lines.line_key
    cross join run
    group by all

)

select * from final
