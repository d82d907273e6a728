with contracts as (

    select * from {{ ref('int_marketplace_contracts__current') }}

),

charges as (

    select * from {{ ref('stg_contracts__charges') }}

),

price_cells as (

    select * from {{ ref('stg_contracts__price_cells') }}
    where cell_no = 0

),

-- What the contract is worth by its own words: fixed payments only. With usage or subscriptions nobody knows yet.
fixed_values as (

    select
        charges.contract_id,
        charges.version,
        sum(
            case
                when price_cells.model = 'flat' then price_cells.amount
                when price_cells.model = 'unit'
                    then
                        {{ multiply_divide(
                            'coalesce(charges.quantity, 1)', 'price_cells.unit_price', 'coalesce(price_cells.per, 1)'
                        ) }}
            end
        ) as amount
    from charges
    left join price_cells
        on charges.contract_id = price_cells.contract_id
        and charges.version = price_cells.version
        and charges.charge_id = price_cells.charge_id
    group by charges.contract_id, charges.version
    having bool_and(charges.type = 'one_time' and coalesce(price_cells.model in ('flat', 'unit'), false))

),

agreements as (

    select
        current_agreements.*,
        crosswalked.offer_kind
    from {{ ref('int_agreements__current') }} as current_agreements
    inner join {{ ref('int_agreements__crosswalked') }} as crosswalked
        on current_agreements.agreement_id = crosswalked.agreement_id

),

-- A public offer has no terms of its own to compare.
compared as (

    select
        contracts.*,
        {{ month_of('contracts.starts_on') }} as period,
        agreements.offer_id as agreement_offer_id,
        agreements.currency_code,
        cast(agreements.start_time as date) as started_on,
        -- The feed's open end is null or the year 9999; its end belongs to the agreement, ours does not.
        case when year(agreements.end_time) < 9999 then cast(agreements.end_time as date) end as ended_on,
        agreements.status,
        agreements.estimated_agreement_value,
        fixed_values.amount as contract_value,
        exists(
            select 1
            from agreements as successors
            where successors.preceding_agreement_id = agreements.agreement_id
        ) as has_successor
    from contracts
    inner join agreements on contracts.agreement_id = agreements.agreement_id
    left join fixed_values
        on contracts.contract_id = fixed_values.contract_id and contracts.version = fixed_values.version
    where agreements.offer_kind in ('private', 'cppo')

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        estimated_agreement_value as amount
    from compared

),

differences as (

    select
        compared.*,
        unnest([
            {
                'term': 'currency',
                'code': 'B07',
                'contract_says': currency,
                'agreement_says': currency_code,
                'differs': currency <> currency_code,
                'amount': estimated_agreement_value
            },
            {
                'term': 'offer_id',
                'code': 'B15',
                'contract_says': offer_id,
                'agreement_says': agreement_offer_id,
                'differs': offer_id <> agreement_offer_id,
                'amount': null
            },
            {
                'term': 'start',
                'code': 'B16',
                'contract_says': cast(starts_on as varchar),
                'agreement_says': cast(started_on as varchar),
                -- the contract's days are local, the feed's are UTC
                'differs': abs(date_diff('day', starts_on, started_on)) > 1,
                'amount': null
            },
            {
                'term': 'end',
                'code': 'B16',
                'contract_says': cast(ends_on as varchar),
                'agreement_says': cast(ended_on as varchar),
                'differs': (ends_on is null) <> (ended_on is null)
                or coalesce(date_diff('day', ended_on, ends_on) not between -1 and 2, false),
                'amount': null
            },
            {
                'term': 'value',
                'code': 'B05',
                'contract_says': cast(contract_value as varchar),
                'agreement_says': cast(estimated_agreement_value as varchar),
                'differs': contract_value <> estimated_agreement_value,
                'amount': abs(contract_value - estimated_agreement_value)
            }
        ]) as difference
    from compared

),

-- Thirty days are the last notice that AWS itself gives of an end.
ending as (

    select *
    from compared
    where
        status = 'ACTIVE'
        and not has_successor
        and ended_on between {{ as_of() }} and {{ as_of() }} + 30

),

violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', agreement_id, contract_id, difference.term) as violation_key,
        difference['code'] as code,
        account_id,
        contract_id,
        null as document_id,
        false as holds,
        difference['amount'] as amount,
        currency,
        'none' as direction,
        'The ' || difference.term || ' of the private offer is not that of the signed contract.' as suggested_cause,
        json_object(
            'agreement_id', agreement_id, 'term', difference.term, 'contract', difference.contract_says,
            'agreement', difference.agreement_says
        ) as evidence
    from differences
    where coalesce(difference.differs, false)
    union all
    select
        {{ month_of('ended_on - 30') }} as period,
        selling_entity,
        channel,
        concat_ws('/', agreement_id, contract_id, 'ends') as violation_key,
        'B16' as code,
        account_id,
        contract_id,
        null as document_id,
        false as holds,
        null as amount,
        currency,
        'none' as direction,
        'The agreement ends within 30 days and no renewal is in the feed.' as suggested_cause,
        json_object('agreement_id', agreement_id, 'ends_on', ended_on, 'status', status) as evidence
    from ending

),

{{ control_rows('MKT-10') }}
