with versions as (

    select * from {{ ref('stg_aws_marketplace__legacy_ids') }}

),

{{ resolved_versions(['mapping_type', 'legacy_id', 'new_id']) }}
