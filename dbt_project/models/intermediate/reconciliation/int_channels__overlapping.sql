with accounts as (

    select * from {{ ref('int_controls__accounts') }}
    where is_named

),

charges as (

    select distinct
        contract_id,
        meter
    from {{ ref('stg_contracts__charges') }}
    where meter is not null

),

sold as (

    select
        accounts.*,
        charges.meter,
        accounts.channel = 'aws_marketplace' as is_marketplace
    from accounts
    inner join charges on accounts.contract_id = charges.contract_id

),

-- One id under which usage lands, one meter, two channels, the same days.
shared_terms as (

    select
        direct.contract_id,
        direct.account_id,
        direct.selling_entity,
        direct.channel,
        direct.currency,
        direct.meter,
        marketplace.contract_id as marketplace_contract_id,
        greatest(direct.starts_on, marketplace.starts_on) as overlap_from,
        least(
            coalesce(direct.ends_on, date '9999-12-31'), coalesce(marketplace.ends_on, date '9999-12-31')
        ) as overlap_to,
        list_sort(list(direct.landed_account_id)) as landed_ids
    from sold as direct
    inner join sold as marketplace
        on direct.landed_account_id = marketplace.landed_account_id
        and direct.meter = marketplace.meter
    where not direct.is_marketplace and marketplace.is_marketplace
    group by all

),

final as (

    select *
    from shared_terms
    where overlap_from < overlap_to and overlap_from <= {{ as_of() }}

)

select * from final
