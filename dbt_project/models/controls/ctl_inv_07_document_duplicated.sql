with drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

population as (

    select
        close_period as period,
        selling_entity,
        channel,
        currency,
        total as amount
    from drafts

),

-- What a line says to the customer: product, meter, group, period, quantity and amount; not which contract it is from.
fingerprints as (

    select
        document_id,
        sha256(
            string_agg(
                concat_ws(
                    '|', line_kind, coalesce(product, ''), coalesce(meter, ''), coalesce(group_key, ''),
                    coalesce(cast(service_from as varchar), ''), coalesce(cast(service_to as varchar), ''),
                    coalesce(cast(quantity as varchar), ''), cast(amount as varchar)
                ),
                chr(10)
                order by
                    line_kind, product, meter, group_key, service_from, service_to, quantity, amount
            )
        ) as fingerprint
    from lines
    group by document_id

),

-- The issued one stands, else the contract that comes first.
grouped as (

    select
        drafts.*,
        fingerprints.fingerprint,
        issued.sequence as issued_sequence,
        first_value(drafts.document_id) over alike as first_document_id,
        row_number() over alike as position
    from drafts
    inner join fingerprints on drafts.document_id = fingerprints.document_id
    left join issued on drafts.document_id = issued.document_id
    window alike as (
        partition by
            drafts.account_id, drafts.kind, drafts.currency, drafts.period_from, drafts.period_to,
            fingerprints.fingerprint
        order by issued.sequence nulls last, drafts.contract_id, drafts.document_id
    )

),

violations as (

    select
        close_period as period,
        selling_entity,
        channel,
        document_id as violation_key,
        'B03' as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        total as amount,
        currency,
        'over_billed' as direction,
        null as suggested_cause,
        json_object('document_id', document_id, 'same_as', first_document_id, 'fingerprint', fingerprint) as evidence
    from grouped
    where position > 1

),

{{ control_rows('INV-07') }}
