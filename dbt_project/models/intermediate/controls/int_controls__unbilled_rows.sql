with quarantine as (

    select * from {{ ref('stg_landing__quarantine') }}

),

unattributed as (

    select * from {{ ref('int_usage__unattributed') }}

),

accounts as (

    select * from {{ ref('int_controls__accounts') }}

),

documents as (

    select * from {{ ref('int_controls__documents') }}

),

prices as (

    select * from {{ ref('int_controls__average_prices') }}

),

file_accounts as (

    select * from {{ ref('stg_metering__file_accounts') }}

),

landed_usage as (

    select * from {{ ref('int_controls__landed_usage') }}

),

files as (

    select * from {{ ref('int_controls__files') }}

),

producer_scopes as (

    select * from {{ ref('int_controls__producer_scopes') }}

),

charges as (

    select distinct
        contract_id,
        meter
    from {{ ref('stg_contracts__charges') }}
    where meter is not null

),

landed as (

    select * from {{ ref('stg_landing__files') }}

),

run as (

    select
        {{ quarantine_share() }} as quarantine_share

),

-- Rows whose quantity could not be read count with the mean quantity of the account's accepted rows.
mean_quantities as (

    select
        account_id,
        meter,
        sum(accepted) as accepted,
        sum(quantity_accepted) as quantity_accepted
    from file_accounts
    group by account_id, meter

),

-- A row without a readable time belongs to the business date on which its file landed.
set_aside as (

    select
        'quarantine' as origin,
        quarantine.code as reason,
        quarantine.source,
        quarantine.file_sequence,
        concat_ws(':', quarantine.path, quarantine.line) as row_key,
        quarantine.account_id as landed_account_id,
        quarantine.meter,
        cast(null as varchar) as dimensions,
        coalesce(quarantine.event_time, cast(landed.first_seen as timestamp)) as event_at,
        cast(1 as bigint) as row_count,
        coalesce(
            quarantine.quantity,
            {{ divide('mean_quantities.quantity_accepted', 'mean_quantities.accepted') }}
        ) as quantity
    from quarantine
    inner join landed on quarantine.file_sequence = landed.file_sequence
    left join mean_quantities
        on quarantine.account_id = mean_quantities.account_id
        and quarantine.meter = mean_quantities.meter
    -- Usage files set aside whole are USG-01's and USG-02's; a manifest's fault sets its file aside.
    where
        case quarantine.source
            when 'usage' then quarantine.line is not null
            else quarantine.source <> 'manifest'
        end
    union all
    select
        'unattributed' as origin,
        reason,
        'usage' as source,
        cast(null as bigint) as file_sequence,
        account_id || ' ' || meter || ' ' || strftime(bucket_from, '%Y-%m-%dT%H:%MZ') as row_key,
        account_id as landed_account_id,
        meter,
        dimensions,
        bucket_from as event_at,
        event_count as row_count,
        quantity_sum as quantity
    from unattributed
    where measure = 'quantity'

),

located as (

    select
        *,
        row_number() over () as row_no,
        cast(event_at as date) as event_on
    from set_aside

),

-- Several contracts may name the account: the one in force at the time counts, then the one that sells the meter.
contracted as (

    select
        located.*,
        accounts.is_named,
        accounts.account_id,
        accounts.contract_id,
        accounts.selling_entity,
        accounts.channel,
        accounts.currency,
        accounts.starts_on,
        accounts.ends_on
    from located
    left join accounts on located.landed_account_id = accounts.landed_account_id
    left join charges
        on accounts.contract_id = charges.contract_id
        and located.meter = charges.meter
    qualify
        row_number() over (
            partition by located.row_no
            order by
                accounts.is_named desc nulls last,
                accounts.starts_on <= located.event_on
                and located.event_on < coalesce(accounts.ends_on, date '9999-12-31') desc nulls last,
                charges.meter nulls last,
                accounts.contract_id
        ) = 1

),

-- An account that no contract names belongs to the scope that the files bringing it serve, when that is one.
bringing_files as (

    select
        file_accounts.account_id as landed_account_id,
        file_accounts.file_sequence
    from file_accounts
    union
    select
        quarantine.account_id as landed_account_id,
        quarantine.file_sequence
    from quarantine
    where quarantine.account_id is not null

),

served_scopes as (

    select
        bringing_files.landed_account_id,
        min(producer_scopes.selling_entity) as selling_entity,
        min(producer_scopes.channel) as channel
    from bringing_files
    inner join files on bringing_files.file_sequence = files.file_sequence
    inner join producer_scopes on files.producer = producer_scopes.producer
    where producer_scopes.amount is not null
    group by bringing_files.landed_account_id
    having count(distinct row(producer_scopes.selling_entity, producer_scopes.channel)) = 1

),

-- The currency that most usage of a meter is sold in, for accounts that no contract gives one.
usual_currencies as (

    select
        accounts.selling_entity,
        charges.meter,
        arg_max(prices.currency, (prices.rated_quantity, prices.currency)) as currency
    from prices
    inner join charges on prices.price_key = concat_ws('/', charges.contract_id, charges.meter)
    inner join accounts
        on charges.contract_id = accounts.contract_id
        and accounts.landed_account_id = accounts.account_id
    group by grouping sets ((accounts.selling_entity, charges.meter), (charges.meter))

),

scoped as (

    select
        contracted.* exclude (account_id, selling_entity, channel, currency),
        coalesce(contracted.account_id, contracted.landed_account_id) as account_id,
        coalesce(contracted.selling_entity, served_scopes.selling_entity, 'UNASSIGNED') as selling_entity,
        coalesce(contracted.channel, served_scopes.channel, 'UNASSIGNED') as channel,
        coalesce(contracted.currency, usual_currencies.currency) as currency
    from contracted
    left join served_scopes
        on contracted.contract_id is null
        and contracted.landed_account_id = served_scopes.landed_account_id
    left join usual_currencies
        on contracted.contract_id is null
        and contracted.meter = usual_currencies.meter
        and served_scopes.selling_entity is not distinct from usual_currencies.selling_entity

),

-- Rows of the account in the month, by which a share is judged: accepted and duplicate ones, and those set aside.
accepted_rows as (

    select
        account_id,
        period,
        sum(row_count) as row_count
    from landed_usage
    group by account_id, period

),

counted as (

    select
        *,
        {{ month_of('event_on') }} as period,
        sum(row_count) over (partition by account_id, {{ month_of('event_on') }}, origin) as set_aside_count,
        sum(case when origin = 'quarantine' then row_count else 0 end)
            over (partition by account_id, {{ month_of('event_on') }}) as quarantined_count
    from scoped

),

shares as (

    select
        counted.*,
        cast(counted.set_aside_count as decimal(38, 12)) as share_of,
        cast(coalesce(accepted_rows.row_count, 0) + counted.quarantined_count as decimal(38, 12)) as share_in,
        run.quarantine_share
    from counted
    cross join run
    left join accepted_rows
        on counted.account_id = accepted_rows.account_id
        and counted.period = accepted_rows.period

),

final as (

    select
        shares.origin,
        shares.reason,
        shares.source,
        shares.file_sequence,
        shares.row_key,
        shares.landed_account_id,
        shares.is_named,
        shares.account_id,
        shares.contract_id,
        shares.selling_entity,
        shares.channel,
        shares.meter,
        shares.dimensions,
        shares.period,
        shares.event_at,
        shares.event_on,
        shares.starts_on,
        shares.ends_on,
        documents.period_from as billed_from,
        documents.document_id,
        shares.row_count,
        -- Rows set aside hold the account's document above their share of its rows in the month.
        shares.contract_id is not null
        and shares.share_of > {{ multiply('shares.share_in', 'shares.quarantine_share') }} as holds,
        shares.quantity,
        shares.currency,
        coalesce(
            {{ at_average_price('shares.quantity', 'in_month.rated_amount', 'in_month.rated_quantity') }},
            {{ at_average_price('shares.quantity', 'in_contract.rated_amount', 'in_contract.rated_quantity') }},
            {{ at_average_price('shares.quantity', 'in_currency.rated_amount', 'in_currency.rated_quantity') }}
        ) as amount
    from shares
    left join documents
        on shares.contract_id = documents.contract_id
        and shares.event_at >= documents.period_from_at
        and shares.event_at < documents.period_to_at
    left join prices as in_month
        on in_month.price_key = concat_ws('/', shares.contract_id, shares.meter, shares.period)
        and in_month.currency = shares.currency
    left join prices as in_contract
        on in_contract.price_key = concat_ws('/', shares.contract_id, shares.meter)
        and in_contract.currency = shares.currency
    left join prices as in_currency
        on in_currency.price_key = concat_ws('/', '*', shares.currency, shares.meter)
        and in_currency.currency = shares.currency

)

select * from final
