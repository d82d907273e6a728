with reconciliation as (

    select * from {{ ref('fct_reconciliation') }}

),

documents as (

    select * from {{ ref('int_metered_usage__by_month') }}

),

-- Months in which AWS already metered another amount than was rated: what it then invoiced is no break of its own.
metered_otherwise as (

    select
        agreement_id,
        period,
        currency,
        break_code
    from reconciliation
    where reconciliation_id = 'R07' and comparison = 'usage' and status = 'break'

),

-- What AWS took back is MKT-08's, what names no agreement MKT-11's.
reconciled as (

    select
        reconciliation.*,
        documents.document_id
    from reconciliation
    left join documents
        on reconciliation.contract_id = documents.contract_id
        and reconciliation.period = documents.period
        and reconciliation.currency = documents.currency
    where
        (
            reconciliation.reconciliation_id = 'R08'
            and reconciliation.comparison <> 'adjustment'
            and coalesce(reconciliation.break_code, '') not in ('B15', 'B19')
            and not (
                reconciliation.comparison = 'usage'
                and exists (
                    select 1
                    from metered_otherwise
                    where
                        metered_otherwise.agreement_id = reconciliation.agreement_id
                        and metered_otherwise.period = reconciliation.period
                        and metered_otherwise.currency = reconciliation.currency
                        and metered_otherwise.break_code = reconciliation.break_code
                )
            )
        )
        or (reconciliation.reconciliation_id = 'R06' and reconciliation.comparison = 'agreement_value')

),

-- A statement that AWS's invoice contradicts for no known reason waits for it.
{{ reconciled_control(
    direction=billed_direction(), holds="break_code in ('B01', 'B22') and document_id is not null",
    document_id='document_id'
) }},

{{ control_rows('MKT-04') }}
