with contracts as (

    select *
    from {{ ref('int_marketplace_contracts__current') }}
    where agreement_id is not null
    -- Two contracts of one agreement are a break of the crosswalk; the usage of both is the agreement's.
    qualify row_number() over (partition by agreement_id order by contract_id) = 1

),

all_contracts as (

    select
        contract_id,
        agreement_id
    from {{ ref('int_marketplace_contracts__current') }}

),

metered as (

    select * from {{ ref('int_metered_usage__by_month') }}

),

daily_usage as (

    select * from {{ ref('int_daily_usage__assigned') }}

),

lines as (

    select * from {{ ref('int_marketplace_lines__measured') }}
    where gross <> 0 or refunded <> 0

),

instalments as (

    select * from {{ ref('int_agreement_charges__invoiced') }}

),

agreements as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

ends as (

    select
        agreement_id,
        cast(end_time as date) as ended_on
    from {{ ref('int_agreements__current') }}

),

terms as (

    select
        agreement_id,
        bool_or(term_type in ('ConfigurableUpfrontPricingTerm', 'FixedUpfrontPricingTerm')) as has_upfront_term
    from {{ ref('int_agreement_terms__resolved') }}
    where valid_to = timestamp '2999-01-01 00:00:00'
    group by agreement_id

),

usage_agreements as (

    select agreement_id from daily_usage
    where agreement_id is not null
    union
    select all_contracts.agreement_id
    from metered
    inner join all_contracts on metered.contract_id = all_contracts.contract_id
    where metered.amount <> 0

),

scheduled_agreements as (

    select
        agreement_id,
        min(charged_on) as first_charged_on
    from instalments
    group by agreement_id

),

classed as (

    select
        lines.line_key,
        lines.agreement_id,
        lines.end_user_account_id,
        lines.period,
        lines.currency,
        lines.gross,
        lines.refunded,
        lines.wholesale_cost,
        case
            when matched.line_key is not null then 'instalment'
            -- Days before the first charge that is known may have had charges of their own; an early invoice is not.
            when
                usage_agreements.agreement_id is null
                and lines.invoice_date >= scheduled_agreements.first_charged_on - 5
                then 'unscheduled'
            when
                terms.has_upfront_term
                and (
                    lines.gross = lines.contract_value
                    or lines.period_from is null
                    -- Usage is invoiced by the month, what is paid in advance for longer.
                    or date_diff('day', lines.period_from, lines.period_to) > 31
                )
                then 'upfront'
            when
                lines.period_from is null
                or date_diff('day', lines.period_from, lines.period_to) > 31
                or usage_agreements.agreement_id is null
                then 'other'
            else 'usage'
        end as line_class
    from lines
    left join usage_agreements on lines.agreement_id = usage_agreements.agreement_id
    left join scheduled_agreements on lines.agreement_id = scheduled_agreements.agreement_id
    left join terms on lines.agreement_id = terms.agreement_id
    left join instalments as matched on lines.line_key = matched.line_key

),

buyers as (

    select * from {{ ref('int_agreement_buyers__resolved') }}

),

-- One shape for the three sources of a cell.
moves as (

    select
        all_contracts.agreement_id,
        cast(null as varchar) as end_user_account_id,
        metered.period,
        metered.currency,
        'usage' as line_class,
        metered.amount as metered,
        0 as stated,
        0 as missing_id,
        0 as duplicated,
        0 as after_end,
        0 as late,
        0 as usage_rows,
        0 as gross,
        0 as refunded,
        0 as wholesale_cost,
        0 as line_count
    from metered
    inner join all_contracts on metered.contract_id = all_contracts.contract_id
    where all_contracts.agreement_id is not null

    union all

    select
        agreement_id,
        end_user_account_id,
        period,
        currency,
        'usage' as line_class,
        0 as metered,
        case when id_state = 'stated' then amount else 0 end as stated,
        case when id_state = 'stated' then 0 else amount end as missing_id,
        duplicate_amount as duplicated,
        after_end_amount as after_end,
        late_amount as late,
        row_count as usage_rows,
        0 as gross,
        0 as refunded,
        0 as wholesale_cost,
        0 as line_count
    from daily_usage
    where agreement_id is not null

    union all

    select
        agreement_id,
        end_user_account_id,
        period,
        currency,
        line_class,
        0 as metered,
        0 as stated,
        0 as missing_id,
        0 as duplicated,
        0 as after_end,
        0 as late,
        0 as usage_rows,
        gross,
        refunded,
        wholesale_cost,
        1 as line_count
    from classed
    where agreement_id is not null

),

-- A contract meters for its whole agreement; without one the buyer's accounts stand apart.
placed as (

    select
        moves.* exclude (end_user_account_id),
        case
            when buyers.has_contract then buyers.end_user_account_id
            else coalesce(moves.end_user_account_id, buyers.end_user_account_id)
        end as end_user_account_id
    from moves
    left join buyers on moves.agreement_id = buyers.agreement_id

),

gathered as (

    select
        agreement_id,
        end_user_account_id,
        period,
        currency,
        line_class,
        sum(metered) as metered,
        sum(stated) as stated,
        sum(missing_id) as missing_id,
        sum(duplicated) as duplicated,
        sum(after_end) as after_end,
        sum(late) as late,
        sum(usage_rows) as usage_rows,
        sum(gross) as gross,
        sum(refunded) as refunded,
        sum(wholesale_cost) as wholesale_cost,
        sum(line_count) as line_count
    from placed
    group by agreement_id, end_user_account_id, period, currency, line_class

),

usage_months as (

    select
        min(period) as first_period,
        max(period) as last_period
    from daily_usage

),

invoiced_months as (

    select min(period) as first_period
    from lines

),

metered_agreements as (

    select distinct all_contracts.agreement_id
    from metered
    inner join all_contracts on metered.contract_id = all_contracts.contract_id
    where metered.amount <> 0

),

daily_agreements as (

    select distinct agreement_id from daily_usage

),

final as (

    select
        gathered.agreement_id,
        gathered.end_user_account_id,
        gathered.period,
        gathered.currency,
        gathered.line_class,
        agreements.contract_id,
        agreements.account_id,
        agreements.selling_entity,
        agreements.offer_kind,
        coalesce(ends.ended_on < cast(gathered.period || '-01' as date) + interval 1 month - interval 1 day, false)
            as is_ended,
        ends.ended_on,
        contracts.unit_amount,
        -- What was never landed cannot be compared.
        metered_agreements.agreement_id is not null as has_metered,
        coalesce(
            daily_agreements.agreement_id is not null
            and gathered.period between usage_months.first_period and usage_months.last_period, false
        ) as has_daily_usage,
        usage_months.first_period is not null as has_usage_feed,
        coalesce(gathered.period >= invoiced_months.first_period, false) as has_invoices,
        cast(gathered.metered as decimal(38, 12)) as metered,
        cast(gathered.stated as decimal(38, 12)) as stated,
        cast(gathered.missing_id as decimal(38, 12)) as missing_id,
        cast(gathered.duplicated as decimal(38, 12)) as duplicated,
        cast(gathered.after_end as decimal(38, 12)) as after_end,
        cast(gathered.late as decimal(38, 12)) as late,
        cast(gathered.usage_rows as bigint) as usage_rows,
        cast(gathered.gross as decimal(38, 12)) as gross,
        cast(gathered.refunded as decimal(38, 12)) as refunded,
        cast(gathered.wholesale_cost as decimal(38, 12)) as wholesale_cost,
        cast(gathered.line_count as bigint) as line_count
    from gathered
    cross join usage_months
    cross join invoiced_months
    left join agreements on gathered.agreement_id = agreements.agreement_id
    left join contracts on gathered.agreement_id = contracts.agreement_id
    left join ends on gathered.agreement_id = ends.agreement_id
    left join metered_agreements on gathered.agreement_id = metered_agreements.agreement_id
    left join daily_agreements on gathered.agreement_id = daily_agreements.agreement_id

)

select * from final
