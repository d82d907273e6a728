with slices as (

    select * from {{ ref('int_line_slices__weighed') }}

),

lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

grants as (

    select * from {{ ref('int_grants__ranked') }}

),

final as (

    select
        slices.contract_id,
        slices.slice_key,
        slices.line_key,
        grants.pool,
        grants.grant_id,
        grants.burn_rank,
        grants.amount as grant_amount
    from slices
    inner join lines on slices.line_key = lines.line_key
    inner join grants
        on slices.contract_id = grants.contract_id
        and {{ in_scope('grants.targets', 'lines') }}
        -- Credit does not pay for its own purchase.
        and grants.purchased_by is distinct from lines.charge_id
        and case
            when slices.is_spread
                then grants.effective_at <= slices.slice_from_at and slices.slice_to_at <= grants.ends_at
            when slices.timing = 'advance'
                then grants.effective_at <= slices.slice_from_at and slices.slice_from_at < grants.ends_at
            else grants.effective_at < slices.slice_to_at and slices.slice_to_at <= grants.ends_at
        end

)

select * from final
