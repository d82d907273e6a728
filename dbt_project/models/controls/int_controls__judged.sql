{#- One statement for all controls: a control that is not listed here did not run, and the gate stays closed. -#}
{%- set controls = [
    'ctl_cls_01_locked_month_written',
    'ctl_con_02_bill_differs_from_contract',
    'ctl_con_04_amendment_chain_broken',
    'ctl_con_05_terms_not_ratable',
    'ctl_crm_02_credit_not_covered',
    'ctl_crm_03_rebill_not_the_recomputed',
    'ctl_crm_04_correction_not_approved',
    'ctl_crm_08_void_after_delivery',
    'ctl_csh_01_bank_not_accounted_for',
    'ctl_csh_02_cash_over_applied',
    'ctl_inv_01_lines_not_total',
    'ctl_inv_02_line_not_on_one_document',
    'ctl_inv_03_number_sequence_broken',
    'ctl_inv_04_document_changed',
    'ctl_inv_05_document_in_wrong_period',
    'ctl_inv_06_document_missing',
    'ctl_inv_07_document_duplicated',
    'ctl_inv_10_document_not_delivered',
    'ctl_mkt_02_metered_not_rated',
    'ctl_mkt_04_metered_not_invoiced',
    'ctl_mkt_05_listing_fee_differs',
    'ctl_mkt_06_tax_unexpected',
    'ctl_mkt_07_payout_not_in_bank',
    'ctl_mkt_08_receivable_not_reopened',
    'ctl_mkt_10_offer_differs_from_contract',
    'ctl_mkt_11_crosswalk_incomplete',
    'ctl_mkt_12_billed_in_two_channels',
    'ctl_opn_01_opening_not_taken_up',
    'ctl_pla_01_value_unknown',
    'ctl_pla_02_value_out_of_range',
    'ctl_pla_03_column_empty',
    'ctl_pla_04_volume_unusual',
    'ctl_pla_05_schema_drifted',
    'ctl_prv_02_used_without_contract',
    'ctl_prv_03_billed_not_provisioned',
    'ctl_rat_02_usage_not_rated',
    'ctl_rat_03_price_cut_unapproved',
    'ctl_usg_01_manifest_disagrees',
    'ctl_usg_02_file_missing',
    'ctl_usg_04_event_key_conflict',
    'ctl_usg_05_file_not_conserved',
    'ctl_usg_06_row_quarantined',
    'ctl_usg_07_usage_unbilled',
    'ctl_usg_08_usage_outside_term',
] -%}
with
{% for control in controls %}
    {{ control }} as (

        select * from {{ ref(control) }}

    ),

{% endfor -%}

final as (

    {% for control in controls -%}
        select * from {{ control }}
        {% if not loop.last %}union all
        {% endif %}
    {%- endfor %}

)

select * from final
