with versions as (

    select * from {{ ref('stg_aws_marketplace__offers') }}

),

{{ resolved_versions(['offer_id', 'offer_revision'], ['offer_id']) }}
