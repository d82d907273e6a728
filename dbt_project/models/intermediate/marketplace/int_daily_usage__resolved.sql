{# A view: read twice, a few columns each. #}
{{ config(materialized='view') }}

with versions as (

    select * from {{ ref('stg_aws_marketplace__daily_usage') }}

),

{{ resolved_versions(['usage_feed_id']) }}
