with units as (

    select * from {{ ref('int_metered_units__carried') }}

),

reconciliation as (

    select * from {{ ref('fct_reconciliation') }}
    -- Usage without its agreement's id is MKT-11's.
    where reconciliation_id = 'R07' and comparison = 'usage' and break_code is distinct from 'B15'

),

shared_terms as (

    select * from {{ ref('int_channels__overlapping') }}

),

documents as (

    select * from {{ ref('int_metered_usage__by_month') }}

),

-- What R07 says of the money; where the money agrees, the units must as well.
reconciled as (

    select
        reconciliation.*,
        documents.document_id
    from reconciliation
    left join documents
        on reconciliation.contract_id = documents.contract_id
        and reconciliation.period = documents.period
        and reconciliation.currency = documents.currency
    -- What a direct contract sells too is MKT-12's.
    where
        not exists (
            select 1
            from shared_terms
            where
                shared_terms.marketplace_contract_id = reconciliation.contract_id
                and reconciliation.period between {{ month_of('shared_terms.overlap_from') }}
                and {{ month_of('shared_terms.overlap_to') }}
        )

),

from_units as (

    select
        units.*,
        reconciliation.end_user_account_id,
        {{ multiply_divide(
            'abs(units.carried_in + units.rated_steps - units.metered_steps)', 'units.unit_amount',
            'units.steps_per_unit'
        ) }} as value
    from units
    inner join reconciliation
        on units.agreement_id = reconciliation.agreement_id
        and units.period = reconciliation.period
        and units.currency = reconciliation.currency
    where
        reconciliation.status = 'matched'
        and {{ as_of() }} > {{ usage_shown_by('units.period') }}
        and (units.carried_out < 0 or units.carried_out >= 1)
        -- After a month that was not metered right nobody knows the fraction that AWS carries on.
        and not exists (
            select 1
            from reconciliation as earlier
            where
                earlier.agreement_id = units.agreement_id
                and earlier.period < units.period
                and earlier.status = 'break'
        )

),

{{ reconciled_control(
    direction=billed_direction(), holds="break_code = 'B04'", document_id='document_id',
    violations='money_violations'
) }},

violations as (

    select * from money_violations
    union all
    select
        period,
        selling_entity,
        channel,
        concat_ws('/', 'units', agreement_id, metering_dimension) as violation_key,
        'B04' as code,
        account_id,
        contract_id,
        document_id,
        carried_out < 0 as holds,
        value as amount,
        currency,
        case when carried_out < 0 then 'over_billed' else 'under_billed' end as direction,
        null as suggested_cause,
        json_object(
            'agreement_id', agreement_id, 'dimension', metering_dimension, 'period', period,
            'rated_units', cast(rated_steps as varchar), 'carried_in', cast(carried_in as varchar),
            'metered_units', cast(metered_steps as varchar), 'carried_out', cast(carried_out as varchar)
        ) as evidence
    from from_units

),

{{ control_rows('MKT-02') }}
