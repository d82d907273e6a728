with versions as (

    select * from {{ ref('stg_contracts__versions') }}
    where channel = 'aws_marketplace'

),

latest as (

    select *
    from versions
    qualify row_number() over (partition by contract_id order by version desc) = 1

),

starts as (

    select
        contract_id,
        min(starts_on) as starts_on
    from versions
    group by contract_id

),

accounts as (

    select
        aws_account_id,
        -- A buyer that several account ids stand for is the one that was known last.
        arg_max(account_id, (valid_from, account_id)) as end_user_account_id
    from {{ ref('int_accounts__resolved') }}
    where aws_account_id is not null
    group by aws_account_id

),

read as (

    select
        latest.*,
        starts.starts_on as first_starts_on,
        -- AWS writes both spellings; the feeds are read as agmt-.
        replace(latest.marketplace ->> '$.agreement_id', 'agmnt-', 'agmt-') as agreement_id,
        lpad(latest.marketplace ->> '$.customer_account_id', 12, '0') as customer_account_id
    from latest
    inner join starts on latest.contract_id = starts.contract_id

),

final as (

    select
        read.contract_id,
        read.version,
        read.account_id,
        read.selling_entity,
        read.channel,
        read.currency,
        read.first_starts_on as starts_on,
        read.ends_on,
        read.agreement_id,
        read.marketplace ->> '$.offer_id' as offer_id,
        read.marketplace ->> '$.product_id' as product_id,
        read.customer_account_id,
        accounts.end_user_account_id,
        read.marketplace ->> '$.metering.dimension' as metering_dimension,
        try_cast(read.marketplace ->> '$.metering.unit_amount' as decimal(38, 12)) as unit_amount,
        coalesce(try_cast(read.marketplace ->> '$.metering.decimals' as integer), 0) as unit_decimals
    from read
    left join accounts on read.customer_account_id = accounts.aws_account_id

)

select * from final
