with versions as (

    select * from {{ ref('stg_aws_marketplace__products') }}

),

{{ resolved_versions(['product_id']) }}
