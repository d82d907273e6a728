-- An independent path: the terms are read from the signed document's own text, not from the tables that rating uses.
with versions as (

    select * from {{ ref('stg_contracts__versions') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

all_lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

issued as (

    select * from {{ ref('stg_ledger__issued_documents') }}

),

files as (

    select * from {{ ref('stg_landing__files') }}

),

lines as (

    select * from all_lines
    where line_kind in ('usage', 'recurring', 'one_time')

),

documented as (

    select
        contract_id,
        version,
        file_sequence,
        account_id,
        selling_entity,
        channel,
        coalesce(
            cast(document ->> '$.effective_from' as date), cast(document ->> '$.starts_on' as date)
        ) as rules_from,
        document ->> '$.currency' as currency,
        document ->> '$.account.currency' as account_currency,
        document
    from versions

),

documented_charges as (

    select
        contract_id,
        version,
        charge ->> '$.charge_id' as charge_id,
        charge -> '$.price' as price,
        charge ->> '$.price.model' as model,
        charge ->> '$.price.unit_price' as unit_price_text,
        coalesce(charge ->> '$.price.per', '1') as per_text,
        (charge ->> '$.maximum') is null as is_uncapped
    from (
        select
            contract_id,
            version,
            unnest(cast(document -> '$.charges' as json[])) as charge
        from documented
    ) as charges

),

-- A document is judged by what had landed when it was issued: what came later is corrected by an adjustment.
known as (

    select
        documented.contract_id,
        documented.version,
        documented.rules_from,
        files.first_seen as known_on
    from documented
    left join files on documented.file_sequence = files.file_sequence

),

documented_taxes as (

    select
        contract_id,
        version,
        tax ->> '$.tax_code' as tax_code
    from (
        select
            contract_id,
            version,
            unnest(cast(document -> '$.taxes' as json[])) as tax
        from documented
    ) as taxes
    where tax ->> '$.inclusive' = 'true'

),

judged as (

    select
        drafts.close_period as period,
        drafts.selling_entity,
        drafts.channel,
        drafts.account_id,
        drafts.contract_id,
        drafts.document_id,
        lines.line_no,
        lines.line_kind,
        lines.charge_id,
        lines.service_from,
        lines.quantity,
        lines.unrounded_amount as net_amount,
        lines.amount,
        lines.currency,
        lines.price_version,
        (
            select max(known.version)
            from known
            where
                known.contract_id = drafts.contract_id
                and known.rules_from <= lines.service_from
                and coalesce(known.known_on <= issued.issue_date, true)
        ) as signed_version
    from lines
    inner join drafts on lines.document_id = drafts.document_id
    left join issued on drafts.document_id = issued.document_id

),

-- A line is net of inclusive tax; the clause names the price with it.
included_taxes as (

    select
        judged.document_id,
        judged.line_no,
        sum(all_lines.unrounded_amount) as amount
    from judged
    inner join all_lines
        on judged.document_id = all_lines.document_id
        and judged.line_no = all_lines.parent_line_no
        and all_lines.line_kind = 'tax'
    inner join documented_taxes
        on judged.contract_id = documented_taxes.contract_id
        and judged.signed_version = documented_taxes.version
        and all_lines.reference_id = documented_taxes.tax_code
    group by judged.document_id, judged.line_no

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

compared as (

    select
        judged.*,
        cast(judged.net_amount + coalesce(included_taxes.amount, 0) as decimal(38, 12)) as unrounded_amount,
        documented.currency as signed_currency,
        signed.charge_id as signed_charge_id,
        cast(signed.price as varchar) as signed_price,
        cast(used.price as varchar) as used_price,
        -- DuckDB reads a JSON number of more than 15 digits inexactly: such a price is compared as text only.
        signed.model = 'unit'
        and judged.line_kind = 'usage'
        and signed.is_uncapped
        and length(regexp_replace(signed.unit_price_text || signed.per_text, '[^0-9]', '', 'g')) <= 15 as is_computable,
        try_cast(signed.unit_price_text as decimal(38, 12)) as signed_unit_price,
        try_cast(signed.per_text as decimal(38, 12)) as signed_per
    from judged
    left join documented
        on judged.contract_id = documented.contract_id
        and judged.signed_version = documented.version
    left join documented_charges as signed
        on judged.contract_id = signed.contract_id
        and judged.signed_version = signed.version
        and judged.charge_id = signed.charge_id
    left join documented_charges as used
        on judged.contract_id = used.contract_id
        and judged.price_version = used.version
        and judged.charge_id = used.charge_id
    left join included_taxes
        on judged.document_id = included_taxes.document_id
        and judged.line_no = included_taxes.line_no

),

expected as (

    select
        *,
        case
            when is_computable then {{ multiply_divide('quantity', 'signed_unit_price', 'signed_per') }}
        end as signed_amount
    from compared

),

-- A credit for the unused part of an old price bears the old price by right: negative recurring lines are not judged.
found as (

    select
        *,
        case
            when (signed_currency is distinct from currency) then 'currency'
            when signed_charge_id is null then 'charge not in the signed document'
            when (signed_price is distinct from used_price) then 'price version'
            when signed_amount <> unrounded_amount then 'unit price'
        end as kind
    from expected
    where not (line_kind = 'recurring' and amount < 0)

),

-- The contract's currency rules the bill, so it goes out; that the account is kept in another one is worth a look.
differing_accounts as (

    select
        drafts.*,
        documented.account_currency,
        documented.version
    from drafts
    inner join documented
        on drafts.contract_id = documented.contract_id
        and documented.account_currency <> documented.currency
        and documented.version = (
            select max(signed.version)
            from documented as signed
            where signed.contract_id = drafts.contract_id and signed.rules_from < drafts.period_to
        )

),

violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', document_id, line_no, kind) as violation_key,
        case when kind = 'currency' then 'B07' else 'B05' end as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        case when kind = 'unit price' then unrounded_amount - signed_amount else amount end as amount,
        currency,
        case when kind = 'unit price' and unrounded_amount < signed_amount then 'under_billed' else 'over_billed' end
            as direction,
        null as suggested_cause,
        json_object(
            'line_no', line_no, 'charge_id', charge_id, 'kind', kind, 'price_version', price_version,
            'signed_version', signed_version, 'signed_currency', signed_currency,
            'signed_amount', cast(signed_amount as varchar), 'billed_amount', cast(unrounded_amount as varchar)
        ) as evidence
    from found
    where kind is not null
    union all
    select
        close_period as period,
        selling_entity,
        channel,
        document_id || '/account currency' as violation_key,
        'B07' as code,
        account_id,
        contract_id,
        document_id,
        false as holds,
        total as amount,
        currency,
        'none' as direction,
        'the account is kept in another currency than the contract bills' as suggested_cause,
        json_object(
            'document_id', document_id, 'version', version, 'currency', currency,
            'account_currency', account_currency
        ) as evidence
    from differing_accounts

),

{{ control_rows('CON-02') }}
