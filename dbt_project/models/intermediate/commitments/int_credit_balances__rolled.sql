with grants as (

    select * from {{ ref('int_grants__ranked') }}

),

payments as (

    select * from {{ ref('int_credit_payments__drawn') }}

),

credit_lines as (

    select * from {{ ref('int_credit_lines__drawn') }}

),

lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

run as (

    select {{ as_of() }} as as_of

),

draws as (

    select
        contract_id,
        grant_id,
        drawn_on,
        drawn_amount,
        overage_amount
    from payments

    union all

    -- Usage of a period still open has burned by today.
    select
        credit_lines.contract_id,
        credit_lines.reference_id as grant_id,
        case
            when lines.line_kind = 'usage' then least(credit_lines.service_to - 1, run.as_of)
            when credit_lines.timing = 'advance' then credit_lines.service_from
            else credit_lines.service_to - 1
        end as drawn_on,
        -credit_lines.amount as drawn_amount,
        cast(0 as decimal(38, 12)) as overage_amount
    from credit_lines
    inner join lines on credit_lines.parent_line_key = lines.line_key
    cross join run

),

months as (

    select
        grants.contract_id,
        grants.grant_id,
        grants.kind,
        grants.is_opening,
        grants.pool,
        grants.unit,
        grants.currency,
        grants.selling_entity,
        grants.amount,
        grants.granted_on,
        grants.last_day,
        run.as_of,
        unnest(range(
            date_trunc('month', cast(grants.granted_on as timestamp)),
            cast(run.as_of as timestamp) + interval 1 day,
            interval 1 month
        )) as month_from
    from grants
    cross join run
    where grants.granted_on <= run.as_of

),

-- Nothing burns before the grant or after its end.
dated_draws as (

    select
        draws.contract_id,
        draws.grant_id,
        strftime(greatest(least(draws.drawn_on, grants.last_day), grants.granted_on), '%Y-%m') as period,
        draws.drawn_amount,
        draws.overage_amount
    from draws
    inner join grants
        on draws.contract_id = grants.contract_id
        and draws.grant_id = grants.grant_id
    cross join run
    where least(draws.drawn_on, grants.last_day) <= run.as_of

),

used as (

    select
        contract_id,
        grant_id,
        period,
        sum(drawn_amount) as used,
        sum(overage_amount) as overage
    from dated_draws
    group by contract_id, grant_id, period

),

moved as (

    select
        months.*,
        strftime(months.month_from, '%Y-%m') as period,
        case
            when strftime(months.granted_on, '%Y-%m') = strftime(months.month_from, '%Y-%m') then months.amount
            else 0
        end as granted,
        coalesce(used.used, 0) as used,
        coalesce(used.overage, 0) as overage,
        months.last_day <= months.as_of
        and strftime(greatest(months.last_day, months.granted_on), '%Y-%m') = strftime(months.month_from, '%Y-%m')
            as is_ending
    from months
    left join used
        on months.contract_id = used.contract_id
        and months.grant_id = used.grant_id
        and strftime(months.month_from, '%Y-%m') = used.period

),

balanced as (

    select
        *,
        sum(granted - used) over (
            partition by contract_id, grant_id order by period rows unbounded preceding
        ) as unexpired,
        coalesce(bool_or(is_ending) over (
            partition by contract_id, grant_id order by period rows between unbounded preceding and 1 preceding
        ), false) as has_ended
    from moved

),

final as (

    select
        contract_id,
        grant_id,
        period,
        kind,
        coalesce(is_opening, false) as is_opening,
        pool,
        unit,
        currency,
        selling_entity,
        cast(case when has_ended then 0 else unexpired - granted + used end as decimal(38, 12)) as opening,
        cast(granted as decimal(38, 12)) as granted,
        cast(used as decimal(38, 12)) as used,
        cast(case when is_ending then unexpired else 0 end as decimal(38, 12)) as expired,
        cast(case when is_ending or has_ended then 0 else unexpired end as decimal(38, 12)) as closing,
        cast(overage as decimal(38, 12)) as overage
    from balanced

)

select * from final
