{# A view: its rows are wide, and int_marketplace_events__classified holds them once more. #}
{{ config(materialized='view') }}

with final as (

    {{ latest_billing_events(ref('stg_aws_marketplace__billing_events')) }}

)

select * from final
