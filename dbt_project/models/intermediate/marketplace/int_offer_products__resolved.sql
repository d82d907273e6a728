with versions as (

    select * from {{ ref('stg_aws_marketplace__offer_products') }}

),

{{ resolved_versions(['offer_id', 'offer_revision', 'product_id']) }}
