with versions as (

    select * from {{ ref('stg_aws_marketplace__offer_targets') }}

),

{{ resolved_versions(['offer_target_id']) }}
