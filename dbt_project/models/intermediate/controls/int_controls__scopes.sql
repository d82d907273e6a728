with versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

-- Months in which a contract is in force, up to the business date: usage may arrive in each of them.
contract_months as (

    select
        selling_entity,
        channel,
        unnest(range(
            date_trunc('month', cast(in_force_from as timestamp)),
            cast(least(in_force_to, {{ as_of() }} + 1) as timestamp),
            interval 1 month
        )) as month_from
    from versioned

),

all_scopes as (

    select
        {{ month_of('month_from') }} as period,
        selling_entity,
        channel
    from contract_months
    union all
    select
        close_period as period,
        selling_entity,
        channel
    from drafts

),

final as (

    select distinct
        period,
        selling_entity,
        channel
    from all_scopes

)

select * from final
