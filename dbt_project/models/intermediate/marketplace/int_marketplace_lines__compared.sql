{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget('line_key', ref('int_marketplace_lines__touched'), ref('int_marketplace_lines__keyed')) }}"
) }}

{% set touched = ref('int_marketplace_lines__touched') %}

with rows_of_events as (

    select * from {{ ref('int_marketplace_events__classified') }}
    where line_key is not null and {{ of_touched('line_key', touched) }}

),

lines as (

    select * from {{ ref('int_marketplace_lines__totalled') }}
    where {{ of_touched('line_key', touched) }}

),

keyed as (

    select * from {{ ref('int_marketplace_lines__keyed') }}
    where {{ of_touched('line_key', touched) }}

),

reperformed as (

    select * from {{ ref('int_aws_report_lines__reperformed') }}
    where {{ of_touched('line_key', touched) }}

),

-- What on a line makes AWS's report say something else.
causes as (

    select
        line_key,
        bool_and(not is_in_aws_report) as is_left_out,
        bool_or(not is_in_aws_report and not agreement_known) as has_unknown_agreement,
        bool_or(not is_in_aws_report and agreement_known and action = 'INVOICED') as has_undated_invoice,
        bool_or(not is_in_aws_report and agreement_known and action <> 'INVOICED') as has_undated_settlement,
        bool_or(stage = 'disbursed' and payout_type is null) as has_unplaced_payout,
        bool_or(stage <> 'disbursed' and aws_stage = 'payout') as has_row_taken_for_payout,
        bool_or(stage = 'forgiven') as is_forgiven,
        bool_or(stage = 'collected' and base_type = 'AWS_TAX_SHARE' and not is_payable) as has_collected_aws_tax,
        bool_or(bucket = 'other') as has_unknown_type,
        bool_or(base_type like '%TAX_SHARE' and transaction_type like '%CREDIT') as has_tax_credit,
        bool_or(broker_id is null and aws_stage = 'invoiced')
        and bool_or(broker_id = 'AWS_INC' and aws_stage = 'invoiced') as has_blank_broker_beside_aws_inc
    from rows_of_events
    group by line_key

),

reported as (

    select
        * exclude (copies),
        copies > 1 as is_doubled
    from (
        select
            *,
            count(*) over (partition by line_key) as copies
        from reperformed
    ) as counted
    where copy_no = 1

),

compared as (

    select
        lines.line_key,
        coalesce(reported.is_doubled, false) as is_doubled,
        lines.collected <> reported.collected as has_other_collected,
        reported.line_key is null as is_missing,
        reported.line_key is not null and (
            lines.status <> reported.status
            {% for column in line_buckets() + ['seller_net_revenue', 'collected', 'disbursed'] %}
                or lines.{{ column }} <> reported.{{ column }}
            {% endfor %}
        ) as is_contrary,
        reported.line_key is not null and keyed.invoice_id is not null and reported.invoice_id is null
            as lacks_invoice_number,
        coalesce(keyed.invoice_id, '') <> reported.invoice_id as has_other_invoice_number,
        coalesce(keyed.invoice_date, date '1970-01-01') <> reported.invoice_date as has_other_invoice_date,
        lines.has_inferred_reversal
    from lines
    inner join keyed on lines.line_key = keyed.line_key
    left join reported on lines.line_key = reported.line_key

),

-- A cause is named only where the report does differ.
named as (

    select
        compared.line_key,
        compared.is_missing or compared.is_contrary or compared.is_doubled as is_different,
        list_sort(list_filter([
            case when causes.is_left_out and causes.has_unknown_agreement then 'agreement_unknown_line_dropped' end,
            case when causes.is_left_out and causes.has_undated_invoice then 'invoice_without_invoice_date' end,
            case when causes.is_left_out and causes.has_undated_settlement then 'settlement_without_invoice_date' end,
            case when compared.is_missing and not causes.is_left_out then 'line_without_invoice' end,
            case when compared.is_contrary and causes.has_unknown_agreement then 'agreement_unknown_row_dropped' end,
            case when compared.is_contrary and causes.has_undated_invoice then 'invoice_without_invoice_date' end,
            case when compared.is_contrary and causes.has_undated_settlement then 'settlement_without_invoice_date' end,
            case when compared.is_contrary and causes.has_unplaced_payout then 'payout_not_in_feed' end,
            case when compared.is_contrary and causes.has_row_taken_for_payout then 'row_counted_as_payout' end,
            case when compared.is_contrary and causes.is_forgiven then 'forgiven_nets_gross' end,
            case when compared.is_contrary and causes.has_unknown_type then 'unknown_type_left_out' end,
            case when compared.is_contrary and causes.has_tax_credit then 'tax_credit_left_out' end,
            case when compared.is_contrary and compared.has_inferred_reversal then 'failed_payout_not_reversed' end,
            case
                when compared.has_other_collected and causes.has_collected_aws_tax then 'collected_includes_aws_tax'
            end,
            case
                when compared.is_doubled and causes.has_blank_broker_beside_aws_inc
                    then 'broker_blank_and_aws_inc_split'
            end,
            case when compared.is_doubled then 'line_doubled' end,
            case when compared.lacks_invoice_number then 'no_invoice_number' end,
            case when compared.has_other_invoice_number then 'invoice_number_replaced' end,
            case when compared.has_other_invoice_date then 'invoice_date_moved_by_refund' end
        ], name -> name is not null)) as names
    from compared
    inner join causes on compared.line_key = causes.line_key

),

final as (

    select
        line_key,
        case
            when len(names) > 0 then array_to_string(names, ',')
            when is_different then 'unexplained'
        end as difference_to_aws_report
    from named

)

select * from final
