with source as (

    select * from {{ source('raw_contracts', 'versions') }}

),

final as (

    select
        contract_id,
        version,
        effective_from,
        signed_at,
        account_id,
        account_name,
        account_country,
        account_currency,
        tax_id,
        bill_to,
        account_external_ids,
        external_ids,
        channel,
        selling_entity,
        currency,
        timezone,
        starts_on,
        ends_on,
        frequency,
        every,
        anchor_date,
        payment_terms_days,
        po_number,
        rounding_mode,
        rounding_stage,
        rounding_places,
        tax_rounding,
        proration,
        trial_days,
        marketplace,
        source_uri,
        source_sha256,
        document,
        file_sequence,
        line
    from source

)

select * from final
