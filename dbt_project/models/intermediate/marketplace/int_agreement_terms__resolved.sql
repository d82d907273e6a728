with versions as (

    select * from {{ ref('stg_aws_marketplace__agreement_terms') }}

),

{{ resolved_versions(['agreement_id', 'term_id']) }}
