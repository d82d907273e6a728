with usage_lines as (

    select * from {{ ref('int_usage_lines__priced') }}

),

collected as (

    select * from {{ ref('int_invoice_lines__collected') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

nil_bills as (

    select * from {{ ref('fct_nil_bills') }}

),

issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

billed as (

    select * from {{ ref('int_bill_dates__billed') }}

),

contracts as (

    select *
    from {{ ref('int_contracts__versioned') }}
    qualify row_number() over (partition by contract_id order by version desc) = 1

),

-- A line of zero changes no document. Lines of a bill that came to zero are evidenced by the nil bill.
rated as (

    select
        line_key,
        contract_id,
        bill_date,
        line_kind,
        service_from,
        amount,
        currency
    from collected
    where amount <> 0
    union all
    select
        line_key,
        contract_id,
        bill_date,
        line_kind,
        service_from,
        amount,
        currency
    from usage_lines
    where
        amount <> 0
        and line_key not in (select collected.line_key from collected)
        -- What was billed has the lines of its document; what it should be besides is an adjustment.
        and not exists (
            select 1
            from billed
            where billed.contract_id = usage_lines.contract_id and billed.bill_date = usage_lines.bill_date
        )

),

placed as (

    select
        line_key,
        min(document_id) as document_id,
        count(*) as line_count
    from lines
    group by line_key

),

judged as (

    select
        rated.*,
        coalesce(placed.line_count, 0) as placed_count,
        coalesce(placed.document_id, drafts.document_id) as document_id,
        coalesce(drafts.close_period, {{ month_of('rated.bill_date - 1') }}) as period,
        contracts.selling_entity,
        contracts.channel,
        contracts.account_id
    from rated
    inner join contracts on rated.contract_id = contracts.contract_id
    left join placed on rated.line_key = placed.line_key
    left join drafts
        on rated.contract_id = drafts.contract_id
        and rated.bill_date = drafts.bill_date
    where
        not exists (
            select 1
            from nil_bills
            where nil_bills.contract_id = rated.contract_id and nil_bills.bill_date = rated.bill_date
        )

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        amount
    from judged

),

-- What the evidence calls for now against what the customer has: per contract and bill date, credit memos taken off.
-- What this run corrects itself is judged on the next business date: a run and its rebuild then see the same record.
standing as (

    select *
    from issued
    where
        (voided_on is null or voided_on >= {{ as_of() }})
        and (issue_date is null or issue_date < {{ as_of() }})

),

issued_bills as (

    select
        contract_id,
        bill_date,
        currency,
        min(account_id) as account_id,
        min(selling_entity) as selling_entity,
        min(channel) as channel,
        arg_max(close_period, revision) filter (where is_correction is not true) as close_period,
        arg_max(document_id, revision) filter (where is_correction is not true) as document_id,
        sum(total) as total,
        -- Credits that no rebill follows: revenue given up, or what had been billed too much taken back.
        coalesce(-sum(total) filter (where is_correction and ordered = 'credit'), 0) as credited
    from standing
    group by contract_id, bill_date, currency

),

drafted_bills as (

    select
        contract_id,
        bill_date,
        currency,
        sum(total) as total
    from drafts
    group by contract_id, bill_date, currency

),

-- A credit closes what was billed too much and opens nothing: given up is not under-billed.
differences as (

    select
        issued_bills.*,
        coalesce(drafted_bills.total, 0) as drafted_total,
        coalesce(drafted_bills.total, 0) - issued_bills.total
        - least(issued_bills.credited, greatest(coalesce(drafted_bills.total, 0) - issued_bills.total, 0)) as difference
    from issued_bills
    left join drafted_bills
        on issued_bills.contract_id = drafted_bills.contract_id
        and issued_bills.bill_date = drafted_bills.bill_date
        and issued_bills.currency = drafted_bills.currency

),

violations as (

    select
        period,
        selling_entity,
        channel,
        line_key as violation_key,
        case when placed_count > 1 then 'B03' else 'B01' end as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        amount,
        currency,
        case when placed_count > 1 then 'over_billed' else 'under_billed' end as direction,
        null as suggested_cause,
        json_object(
            'line_key', line_key, 'contract_id', contract_id, 'bill_date', bill_date, 'line_kind', line_kind,
            'document_lines', placed_count
        ) as evidence
    from judged
    where placed_count <> 1
    union all
    select
        close_period as period,
        selling_entity,
        channel,
        concat_ws('/', document_id, 'recomputed') as violation_key,
        'B17' as code,
        account_id,
        contract_id,
        document_id,
        false as holds,
        difference as amount,
        currency,
        case when difference > 0 then 'under_billed' else 'over_billed' end as direction,
        'usage or terms arrived after the document was issued' as suggested_cause,
        json_object(
            'document_id', document_id, 'issued_total', cast(total as varchar),
            'recomputed_total', cast(drafted_total as varchar)
        ) as evidence
    from differences
    where difference <> 0

),

{{ control_rows('INV-02') }}
