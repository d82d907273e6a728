with listed as (

    select * from {{ ref('int_bill_dates__listed') }}

),

billed as (

    select * from {{ ref('int_bill_dates__billed') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

last_billed as (

    select
        contract_id,
        max(bill_date) as bill_date
    from billed
    group by contract_id

),

-- Issued under a calendar that a later version changed, or after the contract's end: the record says what they serve.
recorded as (

    select
        billed.contract_id,
        billed.bill_date,
        case when billed.period_to <= billed.bill_date then billed.period_from end as ended_from,
        case when billed.period_to <= billed.bill_date then billed.period_to end as ended_to,
        case when billed.period_to > billed.bill_date then billed.period_from end as begun_from,
        case when billed.period_to > billed.bill_date then billed.period_to end as begun_to,
        billed.account_id,
        billed.selling_entity,
        billed.channel,
        billed.currency,
        false as is_closing
    from billed
    left join listed
        on billed.contract_id = listed.contract_id
        and billed.bill_date = listed.bill_date
    where listed.contract_id is null

),

-- A contract that has ended and is billed to its last day: what comes to light about it later goes on the first day of
-- the next month, and once that is billed on the first day of the month after it.
closing as (

    select
        billed.contract_id,
        cast(date_trunc('month', billed.bill_date) + interval 1 month as date) as bill_date,
        billed.bill_date as ended_from,
        cast(date_trunc('month', billed.bill_date) + interval 1 month as date) as ended_to,
        cast(null as date) as begun_from,
        cast(null as date) as begun_to,
        billed.account_id,
        billed.selling_entity,
        billed.channel,
        billed.currency,
        true as is_closing
    from billed
    inner join last_billed
        on billed.contract_id = last_billed.contract_id
        and billed.bill_date = last_billed.bill_date
    where
        not exists (
            select 1
            from listed
            where listed.contract_id = billed.contract_id and listed.bill_date > billed.bill_date
        )

),

added as (

    select * from recorded
    union all
    select * from closing

),

final as (

    select
        *,
        false as is_closing
    from listed

    union all by name

    select
        added.*,
        versioned.version,
        versioned.account_name,
        versioned.po_number,
        versioned.payment_terms_days,
        versioned.rounding_places,
        versioned.rounding_mode,
        versioned.rounding_stage,
        versioned.tax_rounding
    from added
    -- The terms in force when its period begins; after the contract's end, its last.
    asof inner join versioned
        on added.contract_id = versioned.contract_id
        and coalesce(added.ended_from, added.begun_from) >= versioned.in_force_from

)

select * from final
