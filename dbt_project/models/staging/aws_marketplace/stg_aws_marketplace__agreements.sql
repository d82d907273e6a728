with source as (

    select * from {{ source('raw_marketplace', 'agreementfeed') }}

),

final as (

    select
        agreement_id,
        license_ids,
        proposer_account_id,
        acceptor_account_id,
        offer_id,
        offer_revision_at_acceptance,
        offer_set_id,
        start_time,
        end_time,
        acceptance_time,
        intent,
        preceding_agreement_id,
        status,
        status_reason_code,
        estimated_agreement_value,
        currency_code,
        recipient_account_id,
        catalog,
        valid_from,
        insert_date,
        update_date,
        delete_date,
        extra,
        path,
        file_sequence,
        line,
        first_seen
    from source
    where dropped_on is null

)

select * from final
