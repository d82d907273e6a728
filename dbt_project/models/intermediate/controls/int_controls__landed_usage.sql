with file_accounts as (

    select * from {{ ref('stg_metering__file_accounts') }}

),

accounts as (

    select * from {{ ref('int_controls__accounts') }}

),

prices as (

    select * from {{ ref('int_controls__average_prices') }}

),

-- An account with several contracts counts for the one that rates the meter.
contracted as (

    select
        file_accounts.file_sequence,
        file_accounts.account_id as landed_account_id,
        accounts.account_id,
        accounts.selling_entity,
        accounts.channel,
        accounts.currency,
        file_accounts.meter,
        file_accounts.event_month as period,
        file_accounts.accepted,
        file_accounts.accepted + file_accounts.duplicate as row_count,
        file_accounts.quantity_accepted,
        prices.rated_amount,
        prices.rated_quantity
    from file_accounts
    inner join accounts on file_accounts.account_id = accounts.landed_account_id
    left join prices
        on prices.price_key = concat_ws('/', accounts.contract_id, file_accounts.meter)
        and prices.currency = accounts.currency
    qualify
        row_number() over (
            partition by
                file_accounts.file_sequence, file_accounts.account_id, file_accounts.meter, file_accounts.event_month
            order by prices.price_key nulls last, accounts.contract_id
        ) = 1

),

final as (

    select
        file_sequence,
        landed_account_id,
        account_id,
        selling_entity,
        channel,
        meter,
        period,
        accepted,
        row_count,
        currency,
        {{ at_average_price('quantity_accepted', 'rated_amount', 'rated_quantity') }} as amount
    from contracted

)

select * from final
