{#
The rows of one reconciliation in the shape that all share. The model states a CTE before it:
  compared(comparison, period, selling_entity, channel, agreement_id, contract_id, account_id, end_user_account_id,
           item_kind, item, currency, left_amount, right_amount, is_matched, residual_code, code, expected_clear,
           suggested_cause, evidence)
item_kind and item name what is compared (line_key, payout_id, ...) in the key, null where agreement, end user and
period do. residual_code types a matched row: B10 what it leaves within its tolerance, B07 another payout currency. expected_clear: until that day what is
not matched is timing; null = it will not clear by itself. evidence is JSON.
#}
{% macro reconciliation_rows(reconciliation_id) -%}
    run as (

        select {{ as_of() }} as as_of

    ),

    judged as (

        select
            compared.*,
            case
                when compared.is_matched then 'matched'
                when run.as_of <= compared.expected_clear then 'timing'
                else 'break'
            end as status
        from compared
        cross join run

    ),

    final as (

        select
            cast('{{ reconciliation_id }}' as varchar) as reconciliation_id,
            cast(comparison as varchar) as comparison,
            cast(period as varchar) as period,
            cast(selling_entity as varchar) as selling_entity,
            cast(channel as varchar) as channel,
            cast(agreement_id as varchar) as agreement_id,
            cast(contract_id as varchar) as contract_id,
            cast(account_id as varchar) as account_id,
            cast(end_user_account_id as varchar) as end_user_account_id,
            cast(item as varchar) as item,
            cast(
                json_object(
                    'comparison', comparison, 'agreement_id', agreement_id, 'end_user_account_id', end_user_account_id,
                    'period', period, coalesce(item_kind, 'item'), item
                ) as varchar
            ) as key,
            cast(currency as varchar) as currency,
            cast(left_amount as decimal(38, 12)) as left_amount,
            cast(right_amount as decimal(38, 12)) as right_amount,
            cast(left_amount - right_amount as decimal(38, 12)) as difference,
            cast(
                case status
                    when 'timing' then 'B11'
                    when 'break' then code
                    else case when left_amount <> right_amount or residual_code <> 'B10' then residual_code end
                end as varchar
            ) as break_code,
            cast(case when status = 'timing' then expected_clear end as date) as expected_clear,
            cast(status as varchar) as status,
            cast(case when status <> 'matched' then suggested_cause end as varchar) as suggested_cause,
            -- what agrees needs no explanation, and is most of the rows
            cast(case when status <> 'matched' then evidence end as varchar) as evidence
        from judged

    )

    select * from final
{%- endmacro %}

{# Day by which AWS has invoiced the usage of a month 'YYYY-MM': on the 2nd or 3rd of the next one, and its feed is up
   to two days late. #}
{% macro usage_invoiced_by(period) -%}
    cast(cast({{ period }} || '-01' as date) + interval 1 month + interval 4 day as date)
{%- endmacro %}

{# Day by which the Daily Usage feed shows a month: the day after, and up to a day late. #}
{% macro usage_shown_by(period) -%}
    cast(cast({{ period }} || '-01' as date) + interval 1 month + interval 1 day as date)
{%- endmacro %}

{# What usage may differ by without a cause: half a cent for each row that AWS rounds to cents, and not above a
   thousandth of the value, where many rows would hide a lost one; and one cent of the invoice line. #}
{% macro usage_tolerance(amount, usage_rows) -%}
    cast(
        least(
            cast(0.005 as decimal(38, 12)) * {{ usage_rows }},
            abs({{ amount }}) * cast(0.001 as decimal(4, 3))
        ) + cast(0.01 as decimal(38, 12)) as decimal(38, 12)
    )
{%- endmacro %}
