with versions as (

    select * from {{ ref('stg_aws_marketplace__accounts') }}

),

{{ resolved_versions(['account_id']) }}
