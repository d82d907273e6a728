with slices as (

    select * from {{ ref('int_line_slices__weighed') }}

),

lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

turns as (

    select * from {{ ref('int_credit_turns__listed') }}
    where pool <> 'units'

),

final as (

    select
        slices.contract_id,
        slices.slice_key,
        slices.line_key,
        turns.pool,
        turns.turn_no,
        turns.grant_id
    from slices
    inner join lines on slices.line_key = lines.line_key
    inner join turns
        on slices.contract_id = turns.contract_id
        and {{ in_scope('turns.targets', 'lines') }}
        -- Credit does not pay for its own purchase.
        and turns.purchased_by is distinct from lines.charge_id
        and case
            when slices.is_spread
                then turns.turn_from_at <= slices.slice_from_at and slices.slice_to_at <= turns.turn_to_at
            when slices.timing = 'advance'
                then turns.turn_from_at <= slices.slice_from_at and slices.slice_from_at < turns.turn_to_at
            else turns.turn_from_at < slices.slice_to_at and slices.slice_to_at <= turns.turn_to_at
        end

)

select * from final
