with cases as (

    select * from {{ ref('cases_stated') }}

),

single as (

    select
        case_id,
        json_object('amount', {{ figure(rounded(number_of('inputs', 'value'))) }}) as figures
    from cases
    where op = 'round'

),

minor as (

    select
        case_id,
        json_object('amount', {{ figure(multiply(
            round_amount('coalesce(' ~ number_of('inputs', 'value') ~ ', ' ~ number_of('inputs', 'amount') ~ ')',
                'minor_digits', 'mode'),
            'cast(rpad(\'1\', minor_digits + 1, \'0\') as decimal(38, 12))')) }}) as figures
    from cases
    where op = 'to_minor'

),

values_listed as (

    select
        *,
        cast(item ->> '$' as decimal(38, 12)) as value,
        unnest(range(coalesce(cast({{ text_of('inputs', 'repeat') }} as integer), 1))) as copy_no
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
