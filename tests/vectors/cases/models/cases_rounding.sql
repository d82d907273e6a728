with cases as (

    select * from {{ ref('cases_stated') }}

),

stated as (

    select
        *,
        coalesce({{ number_of('inputs', 'value') }}, {{ number_of('inputs', 'amount') }}) as value,
        cast(rpad('1', minor_digits + 1, '0') as decimal(38, 12)) as minor_units
    from cases
    where op in ('round', 'to_minor')

),

rounded_values as (

    select
        *,
        {{ round_amount('value', "case op when 'to_minor' then minor_digits else places end", 'mode') }} as amount
    from stated

),

single as (

    select
        case_id,
        json_object('amount', {{ figure('amount') }}) as figures
    from rounded_values
    where op = 'round'

),

minor as (

    select
        case_id,
        json_object('amount', {{ figure(multiply('amount', 'minor_units')) }}) as figures
    from rounded_values
    where op = 'to_minor'

),

values_listed as (

    select
        *,
        try_cast(item ->> '$' as decimal(38, 12)) as value,
        unnest(range(coalesce({{ integer_of('inputs', 'repeat') }}, 1))) as copy_no
    from {{ items('cases', "(inputs -> '$.values')") }}
    where op in ('sum', 'sum_rounded')

),

sums as (

    select
        case_id,
        json_object('amount', {{ figure(rounded_sum('value')) }}) as figures
    from values_listed
    group by case_id

),

final as (

    select * from single
    union all
    select * from minor
    union all
    select * from sums

)

select * from final
