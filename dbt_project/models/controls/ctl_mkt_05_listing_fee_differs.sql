with reconciled as (

    select * from {{ ref('fct_reconciliation') }}
    where reconciliation_id = 'R09' and comparison = 'listing_fee'

),

{{ reconciled_control() }},

{{ control_rows('MKT-05') }}
