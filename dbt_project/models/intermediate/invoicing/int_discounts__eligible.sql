with discounts as (

    select * from {{ ref('stg_contracts__discounts') }}
    where kind in ('percent', 'amount')

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

applies_to as (

    select * from {{ ref('stg_contracts__applies_to') }}
    where owner_kind = 'discount'

),

lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

scopes as (

    {{ term_scopes('discount_id') }}

),

-- Charge discounts first, then those of the contract; within each by `order`, percentages before amounts.
ranked as (

    select
        discounts.*,
        scopes.targets,
        dense_rank() over (
            partition by discounts.contract_id
            order by
                discounts.charge_id is null,
                discounts.sort_order nulls last,
                discounts.kind = 'amount',
                discounts.charge_id,
                discounts.discount_id
        ) as discount_rank
    from discounts
    inner join versioned
        on discounts.contract_id = versioned.contract_id
        and discounts.version = versioned.version
    left join scopes
        on discounts.contract_id = scopes.contract_id
        and discounts.version = scopes.version
        and discounts.discount_id = scopes.discount_id
    -- A fixed amount is never taken across currencies.
    where discounts.kind = 'percent' or coalesce(discounts.currency, versioned.currency) = versioned.currency

),

matched as (

    select
        lines.contract_id,
        lines.bill_date,
        {{ priced_bill_date('lines') }} as priced_bill_date,
        lines.line_key,
        ranked.discount_rank,
        ranked.discount_id,
        ranked.charge_id as discount_charge_id,
        ranked.kind,
        ranked.value,
        coalesce(ranked.duration_kind, 'forever') as duration_kind,
        case ranked.duration_kind when 'once' then 1 when 'periods' then ranked.duration_periods end as documents
    from lines
    inner join ranked
        on lines.contract_id = ranked.contract_id
        and lines.version = ranked.version
    where
        -- An amount was given on the document it was for: an adjustment of it neither takes it again nor gives it back.
        (lines.line_kind <> 'adjustment' or ranked.kind = 'percent')
        and (ranked.from_date is null or lines.service_from >= ranked.from_date)
        and (ranked.to_date is null or lines.service_from < ranked.to_date)
        and case
            when ranked.charge_id is not null then lines.charge_id = ranked.charge_id
            -- A prepayment is no sale yet: it is discounted only when a discount names it.
            else
                {{ in_scope('ranked.targets', 'lines') }}
                and ({{ priced_kind('lines') }} <> 'prepaid' or ranked.targets is not null)
        end

),

counted as (

    select
        *,
        dense_rank() over (
            partition by contract_id, discount_charge_id, discount_id order by priced_bill_date
        ) as document_no
    from matched

),

final as (

    select
        contract_id,
        bill_date,
        line_key,
        discount_rank,
        discount_id,
        kind,
        value
    from counted
    where documents is null or document_no <= documents

)

select * from final
