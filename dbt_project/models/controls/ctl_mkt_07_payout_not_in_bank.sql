with reconciliation as (

    select * from {{ ref('fct_reconciliation') }}

),

-- Money that AWS took back is MKT-08's.
reconciled as (

    select *
    from reconciliation
    where
        (
            reconciliation_id = 'R10'
            and comparison in ('collected', 'disbursed', 'payout_components', 'bank')
            and break_code is distinct from 'B19'
        )
        or (reconciliation_id = 'R09' and comparison = 'net')

),

{{ reconciled_control() }},

{{ control_rows('MKT-07') }}
