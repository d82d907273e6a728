with versions as (

    select * from {{ ref('stg_aws_marketplace__agreement_charges') }}

),

{{ resolved_versions(['agreement_id', 'term_id', 'charge_time']) }}
