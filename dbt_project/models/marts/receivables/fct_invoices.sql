with issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

publications as (

    select * from {{ ref('stg_ledger__publications') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

ageing as (

    select * from {{ ref('fct_receivables_ageing') }}

),

published as (

    select
        document_id,
        bool_and(state = 'confirmed') as is_published
    from publications
    group by document_id

),

issued_revisions as (

    select distinct
        contract_id,
        bill_date,
        revision
    from issued
    where is_correction is not true

),

credited as (

    select
        corrects_document_id as document_id,
        sum(total) as total
    from issued
    where is_correction and voided_on is null
    group by corrects_document_id

),

issued_documents as (

    select
        issued.document_id,
        issued.number,
        issued.kind,
        case
            when issued.voided_on is not null then 'void'
            when issued.total + credited.total = 0 then 'credited'
            when not coalesce(published.is_published, false) then 'issued'
            when ageing.open_amount = 0 then 'settled'
            else 'published'
        end as status,
        issued.contract_id,
        issued.account_id,
        issued.channel,
        issued.selling_entity,
        issued.currency,
        issued.bill_date,
        issued.period_from,
        issued.period_to,
        issued.close_period,
        issued.issue_date,
        issued.due_date,
        issued.subtotal,
        issued.discount,
        issued.credit_applied,
        issued.tax,
        issued.total,
        issued.paid_from_credits,
        issued.revision,
        issued.corrects_document_id,
        issued.reason_code,
        issued.content_hash
    from issued
    left join published on issued.document_id = published.document_id
    left join ageing on issued.document_id = ageing.document_id
    left join credited on issued.document_id = credited.document_id

),

-- A bill date that is of the record stays as it was issued, until it is voided or rebilled: what a recomputed draft
-- says otherwise stands in fct_unbilled.
open_drafts as (

    select
        drafts.document_id,
        cast(null as varchar) as number,
        drafts.kind,
        case when drafts.is_due then 'held' else 'draft' end as status,
        drafts.contract_id,
        drafts.account_id,
        drafts.channel,
        drafts.selling_entity,
        drafts.currency,
        drafts.bill_date,
        drafts.period_from,
        drafts.period_to,
        drafts.close_period,
        cast(null as date) as issue_date,
        -- Until it is issued a document falls due as if it were issued on its bill date.
        cast(drafts.bill_date + drafts.payment_terms_days as date) as due_date,
        drafts.subtotal,
        drafts.discount,
        drafts.credit_applied,
        drafts.tax,
        drafts.total,
        drafts.paid_from_credits,
        drafts.revision,
        drafts.corrects_document_id,
        cast(null as varchar) as reason_code,
        drafts.content_hash
    from drafts
    left join issued_revisions
        on drafts.contract_id = issued_revisions.contract_id
        and drafts.bill_date = issued_revisions.bill_date
        and drafts.revision = issued_revisions.revision
    where issued_revisions.contract_id is null

),

final as (

    select * from issued_documents
    union all
    select * from open_drafts

)

select * from final
