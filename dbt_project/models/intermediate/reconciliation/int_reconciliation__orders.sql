-- R06: what was ordered (left) and what is provisioned or billed of it (right).
with drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

lines as (

    select
        document_id,
        sum(amount) as amount
    from {{ ref('fct_draft_invoice_lines') }} as draft_lines
    where {{ priced_kind('draft_lines') }} in ('usage', 'recurring') and service_from < service_to
    group by document_id

),

-- PRV-03 prices what a document bills outside provisioning.
outside as (

    select
        document_id,
        sum(amount) as amount,
        min(evidence) as evidence
    from {{ ref('ctl_prv_03_billed_not_provisioned') }}
    where row_type = 'violation'
    group by document_id

),

-- Contracts of which provisioning says something: nothing landed is nothing to compare with.
provisioned as (

    select distinct drafts.contract_id
    from drafts
    inner join {{ ref('int_controls__entitlements') }} as entitlements
        on drafts.contract_id = entitlements.contract_id
        or (entitlements.contract_id is null and drafts.account_id = entitlements.account_id)
    where entitlements.status = 'provisioned'

),

contracts as (

    select * from {{ ref('int_marketplace_contracts__current') }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

current_agreements as (

    select * from {{ ref('int_agreements__current') }}

),

terms as (

    select
        agreement_id,
        bool_or(term_type in (
            'ConfigurableUpfrontPricingTerm', 'FixedUpfrontPricingTerm', 'PaymentScheduleTerm'
        )) as has_fixed_value,
        bool_or(term_type = 'UsageBasedPricingTerm') as has_usage
    from {{ ref('int_agreement_terms__resolved') }}
    where valid_to = timestamp '2999-01-01 00:00:00'
    group by agreement_id

),

charged as (

    select
        agreement_id,
        currency,
        sum(amount) as amount,
        max(charged_on) as last_charged_on
    from {{ ref('int_agreement_charges__invoiced') }}
    group by agreement_id, currency

),

marketplace_lines as (

    select * from {{ ref('int_marketplace_lines__measured') }}

),

billed as (

    select
        agreement_id,
        currency,
        sum(gross) as gross
    from marketplace_lines
    where agreement_id is not null
    group by agreement_id, currency

),

provisioning_rows as (

    select
        'provisioning' as comparison,
        drafts.close_period as period,
        drafts.selling_entity,
        drafts.channel,
        contracts.agreement_id,
        drafts.contract_id,
        drafts.account_id,
        cast(null as varchar) as end_user_account_id,
        'document_id' as item_kind,
        drafts.document_id as item,
        drafts.currency,
        lines.amount as left_amount,
        lines.amount - coalesce(outside.amount, 0) as right_amount,
        outside.document_id is null as is_matched,
        null as residual_code,
        'B16' as code,
        cast(null as date) as expected_clear,
        'The document bills what is outside every provisioning interval of its contract.' as suggested_cause,
        coalesce(outside.evidence, json_object('control_id', 'PRV-03')) as evidence
    from drafts
    inner join lines on drafts.document_id = lines.document_id
    inner join provisioned on drafts.contract_id = provisioned.contract_id
    left join contracts on drafts.contract_id = contracts.contract_id
    left join outside on drafts.document_id = outside.document_id
    where drafts.is_due

),

-- An agreement of a fixed value: what is not invoiced yet is due by its last charge, else by its end.
value_rows as (

    select
        case when charged.amount is null then 'agreement_value' else 'schedule_value' end as comparison,
        {{ month_of('coalesce(current_agreements.acceptance_time, current_agreements.start_time)') }} as period,
        agreements.selling_entity,
        'aws_marketplace' as channel,
        agreements.agreement_id,
        agreements.contract_id,
        agreements.account_id,
        current_agreements.acceptor_account_id as end_user_account_id,
        cast(null as varchar) as item_kind,
        cast(null as varchar) as item,
        agreements.currency,
        coalesce(charged.amount, agreements.contract_value) as left_amount,
        coalesce(billed.gross, 0) as right_amount,
        coalesce(charged.amount, agreements.contract_value) = coalesce(billed.gross, 0) as is_matched,
        null as residual_code,
        case
            when billed.gross is null then 'B02'
            when billed.gross > coalesce(charged.amount, agreements.contract_value) then 'B13'
            else 'B22'
        end as code,
        case
            when coalesce(billed.gross, 0) < coalesce(charged.amount, agreements.contract_value)
                then
                    coalesce(
                        charged.last_charged_on, cast(current_agreements.end_time as date),
                        cast(current_agreements.start_time as date)
                    ) + 5
        end as expected_clear,
        case
            when billed.gross is null then 'Nothing of the agreement was invoiced.'
            when billed.gross > coalesce(charged.amount, agreements.contract_value)
                then 'More was invoiced than the agreement is worth.'
            else 'The agreement ended before its value was invoiced.'
        end as suggested_cause,
        json_object('offer_id', agreements.offer_id, 'status', current_agreements.status) as evidence
    from agreements
    inner join current_agreements on agreements.agreement_id = current_agreements.agreement_id
    inner join terms on agreements.agreement_id = terms.agreement_id
    left join charged on agreements.agreement_id = charged.agreement_id
    left join billed on agreements.agreement_id = billed.agreement_id and agreements.currency = billed.currency
    where
        -- Usage beside a fixed part makes the invoices more than the value by right.
        terms.has_fixed_value and not terms.has_usage
        and coalesce(charged.amount, agreements.contract_value, 0) > 0
        and coalesce(current_agreements.acceptance_time, current_agreements.start_time) <= {{ as_of() }}
        and (charged.currency is null or charged.currency = agreements.currency)
        -- Invoiced before the feed began: nothing to compare with.
        and coalesce(current_agreements.acceptance_time, current_agreements.start_time) >= (
            select min(marketplace_lines.invoice_date) from marketplace_lines
        )

),

orphans as (

    select
        marketplace_lines.*,
        (select bool_or(agreements.in_feed) from agreements) as has_agreement_feed
    from marketplace_lines
    where agreement_id is null or not agreement_in_feed

),

agreement_rows as (

    select
        'agreement' as comparison,
        period,
        selling_entity,
        'aws_marketplace' as channel,
        agreement_id,
        contract_id,
        account_id,
        end_user_account_id,
        'line_key' as item_kind,
        line_key as item,
        currency,
        0 as left_amount,
        gross as right_amount,
        false as is_matched,
        null as residual_code,
        'B15' as code,
        -- An agreement that AWS accepted yesterday reaches the feed within two days.
        case when agreement_id is not null then invoice_date + 2 end as expected_clear,
        case
            when agreement_id is null then 'The invoice line carries no agreement id (old or seller-only invoices).'
            else 'The agreement of the invoice line is not in the agreement feed.'
        end as suggested_cause,
        json_object('invoice_id', invoice_id, 'aws_entity', aws_entity, 'product_id', product_id) as evidence
    from orphans
    where has_agreement_feed and gross <> 0

),

compared as (

    select * from provisioning_rows
    union all
    select * from value_rows
    union all
    select * from agreement_rows

),

{{ reconciliation_rows('R06') }}
