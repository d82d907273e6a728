with reconciliation as (

    select * from {{ ref('fct_reconciliation') }}

),

rollforward as (

    select * from {{ ref('fct_marketplace_rollforward') }}

),

-- A failed payout speaks for all of its lines.
reconciled as (

    select *
    from reconciliation
    where
        (reconciliation_id = 'R08' and (break_code = 'B19' or comparison = 'adjustment'))
        or (reconciliation_id = 'R10' and comparison = 'failed_payout')
        or (reconciliation_id = 'R10' and comparison = 'collected' and break_code = 'B19')

),

{{ reconciled_control(population='taken_back', violations='reversals') }},

population as (

    select
        period,
        coalesce(selling_entity, 'UNASSIGNED') as selling_entity,
        'aws_marketplace' as channel,
        currency,
        abs(closing) as amount
    from rollforward
    union all
    select * from taken_back

),

violations as (

    select * from reversals
    union all
    select
        period,
        coalesce(selling_entity, 'UNASSIGNED') as selling_entity,
        'aws_marketplace' as channel,
        concat_ws('/', 'rollforward', agreement_id, aws_entity, currency) as violation_key,
        'B22' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        false as holds,
        abs(difference) as amount,
        currency,
        'cash' as direction,
        'The receivable of the agreement does not roll forward to its open lines.' as suggested_cause,
        json_object(
            'agreement_id', agreement_id, 'aws_entity', aws_entity, 'opening', cast(opening as varchar),
            'invoiced', cast(invoiced as varchar), 'refunded', cast(refunded as varchar),
            'forgiven', cast(forgiven as varchar), 'adjusted', cast(adjusted as varchar),
            'disbursed', cast(disbursed as varchar), 'failed', cast(failed as varchar),
            'closing', cast(closing as varchar)
        ) as evidence
    from rollforward
    where difference <> 0

),

{{ control_rows('MKT-08') }}
