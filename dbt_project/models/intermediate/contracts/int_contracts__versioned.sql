with versions as (

    select * from {{ ref('stg_contracts__versions') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

zones as (

    select distinct name from pg_timezone_names()

),

-- A version rules from its own effective date until a later version takes over; a later version dated further back
-- takes everything from there, so the earliest start among the later ones is the end.
succeeded as (

    select
        *,
        coalesce(effective_from, starts_on) as rules_from,
        min(coalesce(effective_from, starts_on)) over (
            partition by contract_id
            order by version rows between 1 following and unbounded following
        ) as rules_to
    from versions

),

cut as (

    select
        * exclude (rules_from, rules_to),
        greatest(rules_from, coalesce(starts_on, rules_from)) as in_force_from,
        least(coalesce(rules_to, date '9999-12-31'), coalesce(ends_on, date '9999-12-31')) as in_force_to
    from succeeded

),

defaulted as (

    select
        cut.* exclude (
            timezone, every, anchor_date, payment_terms_days, rounding_mode, rounding_stage, rounding_places,
            tax_rounding, proration, trial_days
        ),
        -- A term we do not know must not stop the run: it gets a stand-in, and int_charges__unsupported, which reads
        -- the fault, holds the contract's documents.
        case
            when zones.name is null then 'unknown time zone ' || coalesce(cut.timezone, 'missing')
            when currencies.currency is null then 'unknown currency ' || coalesce(cut.currency, 'missing')
            when {{ calendar_step_months('cut.frequency', '1') }} is null
                then 'unknown billing frequency ' || coalesce(cut.frequency, 'missing')
            when cut.every <= 0 then 'billing every ' || cut.every || ' periods'
            when cut.rounding_mode not in ('half_up', 'half_even', 'ceil', 'floor')
                then 'unknown rounding mode ' || cut.rounding_mode
            when cut.rounding_stage not in ('line', 'total')
                then 'unknown rounding stage ' || cut.rounding_stage
            when cut.rounding_places not between -2 and 12
                then 'rounding to ' || cut.rounding_places || ' places'
        end as header_fault,
        coalesce(zones.name, 'UTC') as timezone,
        greatest(coalesce(cut.every, 1), 1) as every,
        coalesce(cut.anchor_date, cut.starts_on, cut.in_force_from) as anchor_date,
        coalesce(cut.payment_terms_days, 30) as payment_terms_days,
        coalesce(currencies.minor_digits, 2) as currency_exponent,
        case
            when cut.rounding_places between -2 and 12 then cut.rounding_places
            else coalesce(currencies.minor_digits, 2)
        end as rounding_places,
        case
            when cut.rounding_mode in ('half_even', 'ceil', 'floor') then cut.rounding_mode
            else 'half_up'
        end as rounding_mode,
        case when cut.rounding_stage = 'total' then 'total' else 'line' end as rounding_stage,
        coalesce(cut.tax_rounding, 'line') as tax_rounding,
        coalesce(cut.proration, 'day') as proration,
        coalesce(cut.trial_days, 0) as trial_days
    from cut
    left join zones on cut.timezone = zones.name
    left join currencies on cut.currency = currencies.currency
    where cut.in_force_from < cut.in_force_to

),

bounded as (

    select
        *,
        {{ local_midnight('in_force_from', 'timezone') }} as in_force_from_at,
        lead(in_force_from) over by_contract as next_from,
        lead({{ local_midnight('in_force_from', 'timezone') }}) over by_contract as next_from_at
    from defaulted
    window by_contract as (partition by contract_id order by in_force_from)

),

final as (

    select
        * exclude (next_from, next_from_at),
        -- Where the next version follows at once its start is the end, so that a change of zone leaves no gap.
        case
            when in_force_to = next_from then next_from_at
            else {{ local_midnight('in_force_to', 'timezone') }}
        end as in_force_to_at
    from bounded

)

select * from final
