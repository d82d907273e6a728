with versions as (

    select * from {{ ref('stg_aws_marketplace__tax_items') }}

),

{{ resolved_versions(['tax_item_id']) }}
