-- Terms that a document cannot be trusted on: a control turns each row into a hold of the contract's documents.
with unsupported_usage as (

    select * from {{ ref('int_charges__unsupported') }}

),

charges as (

    select * from {{ ref('int_charges__in_force') }}

),

stretches as (

    select * from {{ ref('int_recurring_stretches__cut') }}

),

rates as (

    select * from {{ ref('int_recurring_rates__priced') }}

),

one_time_lines as (

    select * from {{ ref('int_one_time_lines__priced') }}

),

periods as (

    select * from {{ ref('int_contracts__billing_periods') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

commitments as (

    select * from {{ ref('int_commitments__in_force') }}

),

commitment_hours as (

    select * from {{ ref('stg_contracts__commitment_hours') }}

),

uneven_commitments as (

    select * from {{ ref('int_commitments__uneven') }}

),

windows as (

    select * from {{ ref('int_commitments__windowed') }}

),

taxes as (

    select * from {{ ref('stg_contracts__taxes') }}

),

discounts as (

    select * from {{ ref('stg_contracts__discounts') }}

),

grants as (

    select * from {{ ref('stg_contracts__grants') }}

),

steps as (

    select * from {{ ref('int_grants__stepped') }}
    -- no bucket of usage lies across a whole hour
    where pool = 'units' and (from_at <> date_trunc('hour', from_at) or to_at <> date_trunc('hour', to_at))

),

timed as (

    select * from {{ ref('int_usage__timed') }}

),

openings as (

    select * from {{ ref('int_openings__effective') }}
    where kind = 'wallet'

),

credited as (

    select distinct
        contract_id,
        charge_id
    from {{ ref('int_purchases__credited') }}

),

slices as (

    select * from {{ ref('int_line_slices__weighed') }}

),

eligible as (

    select * from {{ ref('int_slices__eligible') }}

),

lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

run as (

    select {{ as_of() }} as as_of

),

charge_reasons as (

    select
        charges.contract_id,
        charges.version,
        'charge' as term_kind,
        charges.charge_id as term_id,
        case
            when charges.type not in ('usage', 'recurring', 'one_time') then 'charge type ' || charges.type
            when charges.type = 'recurring' and coalesce(charges.model, '') not in (
                'flat', 'unit', 'graduated', 'volume', 'package'
            ) then 'price model ' || coalesce(charges.model, 'missing') || ' on a recurring charge'
            when charges.type = 'recurring' and charges.timing not in ('advance', 'arrears')
                then 'timing ' || charges.timing
            when charges.type = 'one_time' and coalesce(charges.model, '') not in ('flat', 'unit')
                then 'price model ' || coalesce(charges.model, 'missing') || ' on a one-time charge'
            when charges.type = 'one_time' and (
                charges.minimum is not null or charges.maximum is not null or charges.included_quantity is not null
            ) then 'minimum, maximum or included quantity of a one-time charge'
        end as reason
    from charges

),

unpriced_reasons as (

    select distinct
        stretches.contract_id,
        stretches.version,
        'charge' as term_kind,
        stretches.charge_id as term_id,
        'incomplete price: nothing says what this quantity costs' as reason
    from stretches
    left join rates
        on stretches.contract_id = rates.contract_id
        and stretches.version = rates.version
        and stretches.charge_id = rates.charge_id
        and stretches.quantity = rates.quantity
    where rates.period_amount is null

),

last_bills as (

    select
        contract_id,
        max(period_to) as last_bill_date
    from periods
    group by contract_id
    having bool_or(is_last)

),

-- A one-time charge that falls due after the contract's last bill, or never while it is in force, finds no document.
unplaced_reasons as (

    select
        charges.contract_id,
        max(charges.version) as version,
        'charge' as term_kind,
        charges.charge_id as term_id,
        'one-time charge due when the contract has no bill left' as reason
    from charges
    inner join last_bills on charges.contract_id = last_bills.contract_id
    left join one_time_lines
        on charges.contract_id = one_time_lines.contract_id
        and charges.charge_id = one_time_lines.charge_id
    where charges.type = 'one_time' and charges.model in ('flat', 'unit') and one_time_lines.contract_id is null
    group by charges.contract_id, charges.charge_id

),

header_reasons as (

    select
        contract_id,
        version,
        'contract' as term_kind,
        contract_id as term_id,
        case
            when tax_rounding not in ('line', 'rate', 'by_tax', 'total') then 'tax rounding ' || tax_rounding
            when proration not in ('day', 'second', 'none') then 'proration ' || proration
            -- null unless the header itself has a fault
            else header_fault
        end as reason
    from versioned

),

commitment_reasons as (

    select
        commitments.contract_id,
        commitments.version,
        'commitment' as term_kind,
        commitments.commitment_id as term_id,
        case
            when commitments.kind not in ('minimum_spend', 'windowed', 'prepaid')
                then 'commitment kind ' || commitments.kind
            when commitments.kind <> 'windowed' and commitments.amount is null
                then 'commitment without an amount of money'
            when
                commitments.kind <> 'prepaid'
                and commitments.time_window not in ('billing_period', 'month', 'annual', 'contract')
                and not {{ is_settled_by_window('commitments') }}
                then commitments.kind || ' commitment by ' || commitments.time_window
            when commitment_hours.contract_id is not null and commitments.time_window not in ('day', 'hour')
                then 'commitment by time of day and ' || commitments.time_window
            when commitments.quantity is not null and not {{ is_settled_by_window('commitments') }}
                then 'commitment in units by ' || commitments.time_window
            when commitments.kind = 'prepaid' and commitments.time_window not in (
                'billing_period', 'month', 'annual', 'contract'
            ) then 'prepaid commitment by ' || commitments.time_window
            when commitments.kind = 'prepaid' and count(distinct commitments.time_window) over by_commitment > 1
                then 'prepaid window changed by a later version'
            when
                commitments.kind = 'prepaid' and commitments.time_window = 'contract'
                and (commitments.rollover_max is not null or commitments.rollover_min is not null)
                and coalesce(cast(commitments.expires_at as date), commitments.last_to) <= run.as_of
                then 'prepaid credit that rolls over, with no window to roll into'
            when
                commitments.kind = 'prepaid' and commitments.time_window <> 'contract'
                and cast(commitments.expires_at as date) <= run.as_of
                and cast(commitments.expires_at as date) < commitments.last_to
                then 'prepaid commitment bought again after its credit has expired'
            when
                commitments.kind = 'prepaid' and commitments.time_window = 'contract'
                and count(distinct commitments.amount) over by_commitment > 1
                then 'prepaid amount changed by a later version'
            when commitments.kind = 'prepaid' and commitments.time_window <> 'contract' and exists (
                select 1 from grants
                where
                    grants.contract_id = commitments.contract_id
                    and grants.commitment_id = commitments.commitment_id
            ) then 'grant listed for a prepaid commitment that is bought again each ' || commitments.time_window
            when commitments.kind = 'prepaid' and commitments.time_window <> 'contract' and exists (
                select 1 from openings
                where
                    openings.contract_id = commitments.contract_id
                    and openings.grant_id = commitments.commitment_id
            ) then 'opening balance of a prepaid commitment that is bought again each ' || commitments.time_window
        end as reason
    from commitments
    cross join run
    left join (select distinct contract_id, version, commitment_id from commitment_hours) as commitment_hours
        on commitments.contract_id = commitment_hours.contract_id
        and commitments.version = commitment_hours.version
        and commitments.commitment_id = commitment_hours.commitment_id
    window by_commitment as (partition by commitments.contract_id, commitments.commitment_id)

),

uneven_reasons as (

    select
        contract_id,
        version,
        'commitment' as term_kind,
        commitment_id as term_id,
        reason
    from uneven_commitments

),

window_reasons as (

    select
        contract_id,
        version,
        'commitment' as term_kind,
        commitment_id as term_id,
        case
            when not is_aligned then 'commitment window that does not begin and end on bill dates'
            when not is_settled then 'commitment terms that change inside a window without proration'
        end as reason
    from windows
    cross join run
    where window_from <= run.as_of and bill_date is not null

),

grant_reasons as (

    select
        grants.contract_id,
        grants.version,
        'grant' as term_kind,
        grants.grant_id as term_id,
        case
            when grants.unit <> 'currency' and currency_versions.contract_id is null and not exists (
                select 1 from charges
                where charges.contract_id = grants.contract_id and charges.meter = grants.unit
            ) then 'credit in units of ' || grants.unit || ', which no charge meters'
            when grants.amount is null then 'credit without an amount'
            when grants.every_days is null and (grants.rollover_max is not null or grants.rollover_min is not null)
                then 'credit that rolls over but does not recur'
            when grants.every_days is not null and credited.contract_id is not null
                then 'recurring credit whose purchase was credited'
            when
                grants.preserve_overage
                and (coalesce(grants.unit, 'currency') = 'currency' or currency_versions.contract_id is not null)
                then 'overage kept for the next grant of money'
        end as reason
    from grants
    left join versioned as currency_versions
        on grants.contract_id = currency_versions.contract_id
        and grants.version = currency_versions.version
        and grants.unit = currency_versions.currency
    left join credited
        on grants.contract_id = credited.contract_id
        and coalesce(grants.purchased_by, grants.commitment_id) = credited.charge_id

),

latest_versions as (

    select
        versioned.contract_id,
        max(versioned.version) as version,
        arg_max(versioned.in_force_from_at, versioned.version) as in_force_from_at
    from versioned
    cross join run
    where versioned.in_force_from <= run.as_of
    group by versioned.contract_id

),

-- Credit is money held: a later version that leaves it out does not say what became of it.
dropped_reasons as (

    select
        grants.contract_id,
        max(grants.version) as version,
        'grant' as term_kind,
        grants.grant_id as term_id,
        'grant missing from a later version: kept until it ends' as reason
    from grants
    inner join latest_versions on grants.contract_id = latest_versions.contract_id
    where
        least(
            coalesce(grants.expires_at, timestamp '9999-12-31'), coalesce(grants.voided_at, timestamp '9999-12-31')
        ) > latest_versions.in_force_from_at
    group by grants.contract_id, grants.grant_id, latest_versions.version
    having max(grants.version) < latest_versions.version

    union all

    select
        commitments.contract_id,
        max(commitments.version) as version,
        'commitment' as term_kind,
        commitments.commitment_id as term_id,
        'prepaid commitment missing from a later version: its credit is kept until it ends' as reason
    from commitments
    inner join latest_versions on commitments.contract_id = latest_versions.contract_id
    where
        commitments.kind = 'prepaid'
        and coalesce(commitments.expires_at, timestamp '9999-12-31') > latest_versions.in_force_from_at
    group by commitments.contract_id, commitments.commitment_id, latest_versions.version
    having max(commitments.version) < latest_versions.version

),

-- The time of usage is known by the bucket: one that a grant begins or ends inside of cannot be divided.
divided_reasons as (

    select distinct
        lines.contract_id,
        lines.version,
        'grant' as term_kind,
        eligible.grant_id as term_id,
        'credit that begins or ends inside a quarter of an hour in which ' || lines.charge_id || ' is used' as reason
    from slices
    inner join eligible on slices.line_key = eligible.line_key
    inner join lines on slices.line_key = lines.line_key
    where slices.is_bucket_cut

),

-- The same for credit in a meter's unit, which is taken off the quantity.
between_reasons as (

    select
        steps.contract_id,
        max(grants.version) as version,
        'grant' as term_kind,
        steps.grant_id as term_id,
        'credit that begins or ends inside a quarter of an hour in which its meter is used' as reason
    from steps
    inner join timed
        on steps.contract_id = timed.contract_id
        and steps.unit = timed.meter
        and (
            (steps.from_at > timed.used_at and steps.from_at < timed.used_to)
            or (steps.to_at > timed.used_at and steps.to_at < timed.used_to)
        )
    inner join grants
        on steps.contract_id = grants.contract_id
        and steps.grant_id = grants.grant_id
    group by steps.contract_id, steps.grant_id

),

discount_reasons as (

    select
        contract_id,
        version,
        'discount' as term_kind,
        discount_id as term_id,
        case
            when kind not in ('percent', 'amount', 'free_quantity') then 'discount kind ' || kind
            when value is null then 'discount without a value'
            when kind = 'percent' and value > 100 then 'discount of more than 100 percent'
            when kind = 'free_quantity' and exists (
                select 1 from charges
                where
                    charges.contract_id = discounts.contract_id
                    and charges.charge_id = discounts.charge_id
                    and charges.type <> 'usage'
            ) then 'free quantity of a charge that is not usage'
            when
                coalesce(duration_kind, 'forever') not in ('once', 'periods', 'forever')
                or (duration_kind = 'periods' and duration_periods is null)
                then 'discount duration ' || duration_kind
        end as reason
    from discounts

),

tax_reasons as (

    select
        contract_id,
        version,
        'tax' as term_kind,
        tax_code as term_id,
        case when rate_percent is null then 'tax without a rate' end as reason
    from taxes

),

usage_reasons as (

    select
        contract_id,
        version,
        'charge' as term_kind,
        charge_id as term_id,
        reason
    from unsupported_usage

),

reasons as (

    select * from charge_reasons
    union all
    select * from unpriced_reasons
    union all
    select * from unplaced_reasons
    union all
    select * from header_reasons
    union all
    select * from commitment_reasons
    union all
    select * from uneven_reasons
    union all
    select * from window_reasons
    union all
    select * from grant_reasons
    union all
    select * from dropped_reasons
    union all
    select * from divided_reasons
    union all
    select * from between_reasons
    union all
    select * from discount_reasons
    union all
    select * from tax_reasons
    union all
    select * from usage_reasons

),

final as (

    select distinct
        contract_id,
        version,
        term_kind,
        term_id,
        reason
    from reasons
    where reason is not null

)

select * from final
