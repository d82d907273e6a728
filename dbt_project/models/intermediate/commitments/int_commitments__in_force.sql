with commitments as (

    select * from {{ ref('stg_contracts__commitments') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

final as (

    select
        commitments.contract_id,
        commitments.commitment_id,
        commitments.version,
        commitments.kind,
        commitments.amount,
        commitments.quantity,
        coalesce(
            commitments.time_window, case commitments.kind when 'prepaid' then 'contract' else 'billing_period' end
        ) as time_window,
        commitments.overage_factor,
        commitments.true_up,
        coalesce(commitments.prorate, false) as prorate,
        commitments.priority,
        commitments.expires_at,
        commitments.rollover_min,
        commitments.rollover_max,
        versioned.in_force_from as part_from,
        versioned.in_force_to as part_to,
        min(versioned.in_force_from) over by_commitment as first_from,
        max(versioned.in_force_to) over by_commitment as last_to,
        max(versioned.ends_on) over by_commitment as longest_to,
        row_number() over (
            partition by commitments.contract_id, commitments.commitment_id order by versioned.in_force_from
        ) as part_no,
        versioned.in_force_from_at,
        versioned.anchor_date,
        versioned.currency,
        versioned.timezone,
        versioned.proration,
        versioned.rounding_places,
        versioned.rounding_mode
    from commitments
    inner join versioned
        on commitments.contract_id = versioned.contract_id
        and commitments.version = versioned.version
    window by_commitment as (partition by commitments.contract_id, commitments.commitment_id)

)

select * from final
