{#
Population and violations of a control over CTE `reconciled` (rows of fct_reconciliation): every row is judged, every
break is a violation, timing never is. `direction` and `holds` are expressions over its rows; a break that holds does so
at `document_id`, which `reconciled` may carry. A control with rows of its own names the two CTEs and adds its own.
#}
{% macro reconciled_control(
    direction="'cash'", holds='false', document_id='null', population='population', violations='violations'
) -%}
    {{ population }} as (

        select
            period,
            selling_entity,
            channel,
            currency,
            abs(left_amount) as amount
        from reconciled

    ),

    {{ violations }} as (

        select
            period,
            selling_entity,
            channel,
            concat_ws(
                '/', reconciliation_id, comparison, agreement_id, end_user_account_id, item, currency
            ) as violation_key,
            break_code as code,
            account_id,
            contract_id,
            {{ document_id }} as document_id,
            {{ holds }} as holds,
            abs(difference) as amount,
            currency,
            {{ direction }} as direction,
            suggested_cause,
            json_object(
                'reconciliation_id', reconciliation_id, 'key', cast(key as json),
                'left_amount', cast(left_amount as varchar), 'right_amount', cast(right_amount as varchar),
                'rows', cast(evidence as json)
            ) as evidence
        from reconciled
        where status = 'break'

    )
{%- endmacro %}

{# AWS billed less than is due, or more. #}
{% macro billed_direction() -%}
    case when difference > 0 then 'under_billed' when difference < 0 then 'over_billed' else 'none' end
{%- endmacro %}
