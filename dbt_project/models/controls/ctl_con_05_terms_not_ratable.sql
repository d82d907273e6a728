with charges as (

    select * from {{ ref('int_charges__unsupported') }}

),

terms as (

    select * from {{ ref('int_terms__unsupported') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

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

unsupported as (

    select
        contract_id,
        version,
        'charge ' || charge_id as term,
        reason
    from charges
    union all
    select
        contract_id,
        version,
        term_kind || ' ' || term_id as term,
        reason
    from terms

),

by_version as (

    select
        contract_id,
        version,
        list_sort(list_distinct(list(term || ': ' || reason))) as reasons
    from unsupported
    group by contract_id, version

),

-- Documents whose service or bill date falls into the version's life.
affected as (

    select
        drafts.*,
        list_sort(list_distinct(flatten(list(by_version.reasons)))) as reasons
    from drafts
    inner join versioned
        on drafts.contract_id = versioned.contract_id
        and versioned.in_force_from < greatest(drafts.period_to, drafts.bill_date + 1)
        and versioned.in_force_to > least(drafts.period_from, drafts.bill_date)
    inner join by_version
        on versioned.contract_id = by_version.contract_id
        and versioned.version = by_version.version
    group by all

),

-- A contract that got no document because nothing of it could be rated is still to be worked on.
without_document as (

    select
        versioned.*,
        {{ month_of('greatest(versioned.in_force_from, least(versioned.in_force_to - 1, ' ~ as_of() ~ '))') }}
            as period,
        by_version.reasons
    from by_version
    inner join versioned
        on by_version.contract_id = versioned.contract_id
        and by_version.version = versioned.version
    where
        versioned.in_force_from <= {{ as_of() }}
        and by_version.contract_id not in (select affected.contract_id from affected)

),

violations as (

    select
        close_period as period,
        selling_entity,
        channel,
        document_id as violation_key,
        'B06' as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        total as amount,
        currency,
        'none' as direction,
        null as suggested_cause,
        json_object('document_id', document_id, 'terms', reasons) as evidence
    from affected
    union all
    select
        period,
        selling_entity,
        channel,
        contract_id || '/' || version as violation_key,
        'B06' as code,
        account_id,
        contract_id,
        null as document_id,
        true as holds,
        null as amount,
        currency,
        'under_billed' as direction,
        null as suggested_cause,
        json_object('contract_id', contract_id, 'version', version, 'terms', reasons) as evidence
    from without_document

),

{{ control_rows('CON-05') }}
