with source as (

    select * from {{ source('raw_marketplace', 'billingeventfeed') }}

),

final as (

    select
        billing_event_id,
        transaction_type,
        disbursement_billing_event_id,
        agreement_id,
        product_id,
        {{ line_base_key() }} as base_key,
        path,
        file_sequence,
        line,
        dropped_on
    from source

)

select * from final
