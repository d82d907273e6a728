with source as (

    select * from {{ source('raw_contracts', 'charges') }}

),

final as (

    select
        contract_id,
        version,
        charge_id,
        position,
        product,
        description,
        type,
        timing,
        effective_from,
        effective_to,
        due_on,
        quantity,
        meter,
        aggregation,
        property,
        divide_by,
        conversion_rounding,
        model,
        dimension,
        included_quantity,
        minimum,
        maximum,
        prorate,
        price,
        price_hash,
        terms_hash,
        external_ids
    from source

)

select * from final
