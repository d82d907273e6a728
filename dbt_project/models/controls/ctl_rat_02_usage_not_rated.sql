with buckets as (

    select * from {{ ref('stg_metering__usage_buckets') }}
    where measure = 'quantity'

),

attributed as (

    select * from {{ ref('int_usage__attributed') }}
    where measure = 'quantity'

),

unattributed as (

    select * from {{ ref('int_usage__unattributed') }}
    where measure = 'quantity'

),

-- Attributed to a charge that has no price for it: a quantity above the last tier, or a value without a cell.
unrated as (

    select * from {{ ref('int_usage__unrated') }}

),

periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

accounts as (

    select *
    from {{ ref('int_controls__accounts') }}
    qualify row_number() over (partition by landed_account_id order by is_named desc, contract_id) = 1

),

documents as (

    select * from {{ ref('int_controls__documents') }}

),

prices as (

    select * from {{ ref('int_controls__average_prices') }}

),

accepted as (

    select
        account_id as landed_account_id,
        meter,
        {{ month_of('bucket_from') }} as period,
        max(bucket_from) as last_bucket,
        sum(event_count) as event_count,
        sum(quantity_sum) as quantity
    from buckets
    group by all

),

-- Usage that two charges of a contract rate counts once.
explained_rows as (

    select
        account_id,
        meter,
        bucket_from,
        event_count,
        quantity_sum
    from attributed
    where charge_position = 1
    union all
    select
        account_id,
        meter,
        bucket_from,
        event_count,
        quantity_sum
    from unattributed

),

explained as (

    select
        account_id as landed_account_id,
        meter,
        {{ month_of('bucket_from') }} as period,
        sum(event_count) as event_count,
        sum(quantity_sum) as quantity
    from explained_rows
    group by all

),

judged as (

    select
        accepted.*,
        coalesce(accounts.account_id, accepted.landed_account_id) as account_id,
        accounts.contract_id,
        coalesce(accounts.selling_entity, 'UNASSIGNED') as selling_entity,
        coalesce(accounts.channel, 'UNASSIGNED') as channel,
        accounts.currency,
        accepted.quantity - coalesce(explained.quantity, 0) as quantity_difference,
        accepted.event_count - coalesce(explained.event_count, 0) as event_difference
    from accepted
    left join explained
        on accepted.landed_account_id = explained.landed_account_id
        and accepted.meter = explained.meter
        and accepted.period = explained.period
    left join accounts on accepted.landed_account_id = accounts.landed_account_id

),

valued as (

    select
        judged.*,
        {{ at_average_price('judged.quantity', 'prices.rated_amount', 'prices.rated_quantity') }} as accepted_amount,
        {{ at_average_price('judged.quantity_difference', 'prices.rated_amount', 'prices.rated_quantity') }} as amount
    from judged
    left join prices
        on prices.price_key = concat_ws('/', judged.contract_id, judged.meter)
        and prices.currency = judged.currency

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        accepted_amount as amount
    from valued

),

violations as (

    select
        valued.period,
        valued.selling_entity,
        valued.channel,
        concat_ws('/', valued.landed_account_id, valued.meter) as violation_key,
        'B04' as code,
        valued.account_id,
        valued.contract_id,
        documents.document_id,
        true as holds,
        valued.amount,
        valued.currency,
        case when valued.quantity_difference < 0 then 'over_billed' else 'under_billed' end as direction,
        null as suggested_cause,
        json_object(
            'account_id', valued.landed_account_id, 'meter', valued.meter,
            'accepted', cast(valued.quantity as varchar), 'difference', cast(valued.quantity_difference as varchar),
            'events', valued.event_difference
        ) as evidence
    from valued
    left join documents
        on valued.contract_id = documents.contract_id
        and valued.last_bucket >= documents.period_from_at
        and valued.last_bucket < documents.period_to_at
    where valued.quantity_difference <> 0 or valued.event_difference <> 0
    union all
    select
        {{ month_of('unrated.service_to - 1') }} as period,
        periods.selling_entity,
        periods.channel,
        concat_ws(
            '/', unrated.contract_id, unrated.charge_id, unrated.service_from, unrated.group_key, unrated.cell_key,
            unrated.reason
        ) as violation_key,
        'B05' as code,
        periods.account_id,
        unrated.contract_id,
        documents.document_id,
        true as holds,
        null as amount,
        periods.currency,
        'under_billed' as direction,
        'the charge has no price for this quantity or value' as suggested_cause,
        json_object(
            'charge_id', unrated.charge_id, 'group_key', unrated.group_key, 'cell', unrated.cell_key,
            'reason', unrated.reason, 'quantity', cast(unrated.unrated_quantity as varchar)
        ) as evidence
    from unrated
    inner join periods
        on unrated.contract_id = periods.contract_id
        and unrated.service_from >= periods.period_from
        and unrated.service_from < periods.period_to
    inner join documents
        on periods.contract_id = documents.contract_id
        and periods.period_from = documents.period_from

),

{{ control_rows('RAT-02') }}
