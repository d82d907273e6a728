with periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

days as (

    select contract_id, period_from as bill_date from periods
    union
    select contract_id, period_to as bill_date from periods

),

matched as (

    select
        days.contract_id,
        days.bill_date,
        ended.period_from as ended_from,
        ended.period_to as ended_to,
        begun.period_from as begun_from,
        begun.period_to as begun_to,
        coalesce(ended.account_id, begun.account_id) as account_id,
        coalesce(ended.selling_entity, begun.selling_entity) as selling_entity,
        coalesce(ended.channel, begun.channel) as channel,
        coalesce(ended.currency, begun.currency) as currency,
        coalesce(ended.period_from, begun.period_from) as governed_on
    from days
    left join periods as ended
        on days.contract_id = ended.contract_id
        and days.bill_date = ended.period_to
    left join periods as begun
        on days.contract_id = begun.contract_id
        and days.bill_date = begun.period_from

),

final as (

    select
        matched.* exclude (governed_on),
        versioned.version,
        versioned.account_name,
        versioned.po_number,
        versioned.payment_terms_days,
        versioned.rounding_places,
        versioned.rounding_mode,
        versioned.rounding_stage,
        versioned.tax_rounding
    from matched
    inner join versioned
        on matched.contract_id = versioned.contract_id
        and matched.governed_on >= versioned.in_force_from
        and matched.governed_on < versioned.in_force_to

)

select * from final
