with reconciled as (

    select * from {{ ref('fct_reconciliation') }}
    where reconciliation_id = 'R09' and comparison in ('tax', 'tax_liability')

),

{{ reconciled_control() }},

{{ control_rows('MKT-06') }}
