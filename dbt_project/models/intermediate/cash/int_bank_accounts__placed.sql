{#- A view: cash is matched again once documents are issued, and phase B reads what was matched last. -#}
{{ config(materialized='view') }}

with entries as (

    select * from {{ ref('stg_bank__entries') }}

),

applications as (

    select * from {{ ref('stg_match__applications') }}

),

documents as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

opened as (

    select * from {{ ref('int_receivables__opened') }}

),

payouts as (

    select * from {{ ref('fct_marketplace_payouts') }}
    where selling_entity <> 'UNASSIGNED'

),

paid as (

    select
        entries.account,
        coalesce(documents.selling_entity, opened.selling_entity, payouts.selling_entity) as selling_entity
    from applications
    inner join entries on applications.entry_id = entries.entry_id
    left join documents
        on applications.target_kind = 'invoice' and applications.target_id = documents.document_id
    left join opened
        on applications.target_kind = 'invoice' and applications.target_id = opened.document_id
    left join payouts
        on applications.target_kind = 'payout' and applications.target_id = payouts.payout_id

),

-- An account is a selling entity's when everything paid into it is; a bank does not say whose books it belongs to.
placed as (

    select
        account,
        case when count(distinct selling_entity) = 1 then min(selling_entity) end as selling_entity
    from paid
    group by account

),

final as (

    select
        accounts.account,
        coalesce(placed.selling_entity, 'UNASSIGNED') as selling_entity
    from (select distinct entries.account from entries) as accounts
    left join placed on accounts.account = placed.account

)

select * from final
