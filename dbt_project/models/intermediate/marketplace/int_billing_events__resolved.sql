{# A view: its rows are wide, and the ledger holds them once more. #}
{{ config(materialized='view') }}

with versions as (

    select * from {{ ref('stg_aws_marketplace__billing_events') }}

),

final as (

    {{ latest_billing_events() }}

)

select * from final
