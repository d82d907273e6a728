with versions as (

    select * from {{ ref('stg_aws_marketplace__agreements') }}

),

{{ resolved_versions(['agreement_id']) }}
