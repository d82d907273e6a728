with versions as (

    select * from {{ ref('stg_aws_marketplace__addresses') }}

),

{{ resolved_versions(['address_id']) }}
