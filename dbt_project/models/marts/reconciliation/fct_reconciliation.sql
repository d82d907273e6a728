{# A view: its rows stand in the tables of the five reconciliations. #}
{{ config(materialized='view') }}

with orders as (

    select * from {{ ref('int_reconciliation__orders') }}

),

metered_usage as (

    select * from {{ ref('int_reconciliation__metered_usage') }}

),

invoiced as (

    select * from {{ ref('int_reconciliation__invoiced') }}

),

deductions as (

    select * from {{ ref('int_reconciliation__deductions') }}

),

cash as (

    select * from {{ ref('int_reconciliation__cash') }}

),

gathered as (

    select * from orders
    union all
    select * from metered_usage
    union all
    select * from invoiced
    union all
    select * from deductions
    union all
    select * from cash

),

final as (

    select
        reconciliation_id,
        period,
        key,
        currency,
        left_amount,
        right_amount,
        difference,
        break_code,
        expected_clear,
        status,
        selling_entity,
        channel,
        agreement_id,
        comparison,
        contract_id,
        account_id,
        end_user_account_id,
        item,
        suggested_cause,
        evidence
    from gathered

)

select * from final
