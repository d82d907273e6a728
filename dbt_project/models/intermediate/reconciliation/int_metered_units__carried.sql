with contracts as (

    select * from {{ ref('int_marketplace_contracts__current') }}
    where unit_amount > 0 and metering_dimension is not null and agreement_id is not null

),

metered as (

    select * from {{ ref('int_metered_usage__by_month') }}

),

daily_usage as (

    select
        agreement_id,
        dimension,
        period,
        sum(quantity) as quantity
    from {{ ref('int_daily_usage__assigned') }}
    where id_state = 'stated'
    group by agreement_id, dimension, period

),

-- Units of the smallest size that is metered: 10^-decimals of a unit.
rated as (

    select
        contracts.contract_id,
        contracts.account_id,
        contracts.selling_entity,
        contracts.channel,
        contracts.agreement_id,
        contracts.metering_dimension,
        contracts.unit_amount,
        metered.period,
        metered.currency,
        metered.document_id,
        metered.amount,
        sum(metered.amount) over by_contract as running_amount,
        sum(metered.amount) over by_contract - metered.amount as amount_before,
        cast('1' || repeat('0', contracts.unit_decimals) as decimal(38, 12)) as steps_per_unit
    from metered
    inner join contracts on metered.contract_id = contracts.contract_id and metered.currency = contracts.currency
    window by_contract as (partition by metered.contract_id order by metered.period rows unbounded preceding)

),

steps as (

    select
        *,
        {{ multiply_divide('running_amount', 'steps_per_unit', 'unit_amount') }} as running_steps,
        {{ multiply_divide('amount_before', 'steps_per_unit', 'unit_amount') }} as steps_before
    from rated

),

carried as (

    select
        steps.*,
        coalesce(daily_usage.quantity, 0) * steps.steps_per_unit as metered_steps,
        steps.steps_before - floor(steps.steps_before) as carried_in,
        steps.running_steps - steps.steps_before as rated_steps
    from steps
    left join daily_usage
        on steps.agreement_id = daily_usage.agreement_id
        and steps.metering_dimension = daily_usage.dimension
        and steps.period = daily_usage.period

),

final as (

    select
        contract_id,
        account_id,
        selling_entity,
        channel,
        agreement_id,
        metering_dimension,
        period,
        currency,
        document_id,
        unit_amount,
        steps_per_unit,
        cast(amount as decimal(38, 12)) as amount,
        cast(rated_steps as decimal(38, 12)) as rated_steps,
        cast(metered_steps as decimal(38, 12)) as metered_steps,
        cast(carried_in as decimal(38, 12)) as carried_in,
        cast(carried_in + rated_steps - metered_steps as decimal(38, 12)) as carried_out
    from carried

)

select * from final
