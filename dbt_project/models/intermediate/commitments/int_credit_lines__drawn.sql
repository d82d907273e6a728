with lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

reductions as (

    select * from {{ ref('int_credit_reductions__drawn') }}

),

by_line as (

    select
        line_key,
        grant_id,
        cast(sum(drawn_amount) as decimal(38, 12)) as drawn_amount
    from reductions
    group by line_key, grant_id

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
