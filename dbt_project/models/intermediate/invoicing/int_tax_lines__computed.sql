with lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

discount_lines as (

    select * from {{ ref('int_discount_lines__allocated') }}

),

credit_lines as (

    select * from {{ ref('int_credit_lines__drawn') }}

),

taxes as (

    select * from {{ ref('stg_contracts__taxes') }}

),

applies_to as (

    select * from {{ ref('stg_contracts__applies_to') }}
    where owner_kind = 'tax'

),

scopes as (

    {{ term_scopes('tax_code') }}

),

reductions as (

    select parent_line_key, amount from discount_lines
    union all
    select parent_line_key, amount from credit_lines

),

reduced as (

    select
        parent_line_key as line_key,
        cast(sum(amount) as decimal(38, 12)) as reduction
    from reductions
    group by parent_line_key

),

matched as (

    select
        lines.* exclude (unrounded_amount, amount),
        taxes.tax_code,
        taxes.rate_percent,
        coalesce(taxes.inclusive, false) as is_inclusive,
        cast(lines.amount + coalesce(reduced.reduction, 0) as decimal(38, 12)) as taxable_amount
    from lines
    inner join taxes
        on lines.contract_id = taxes.contract_id
        and lines.version = taxes.version
    left join scopes
        on taxes.contract_id = scopes.contract_id
        and taxes.version = scopes.version
        and taxes.tax_code = scopes.tax_code
    left join reduced on lines.line_key = reduced.line_key
    where
        {{ in_scope('scopes.targets', 'lines') }}
        -- A prepayment is taxed when its credit pays for something, unless a tax names it.
        and ({{ priced_kind('lines') }} <> 'prepaid' or scopes.targets is not null)

),

rounded as (

    select * from {{ tax_lines('matched') }}

),

final as (

    select
        concat_ws('/', line_key, 'tax', tax_code) as line_key,
        line_key as parent_line_key,
        contract_id,
        bill_date,
        timing,
        charge_id,
        tax_code as reference_id,
        'tax' as line_kind,
        product,
        meter,
        group_key,
        service_from,
        service_to,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit,
        cast(unrounded_amount as decimal(38, 12)) as unrounded_amount,
        cast(rounded_amount as decimal(38, 12)) as amount,
        currency,
        price_version,
        original_period,
        is_inclusive
    from rounded

)

select * from final
