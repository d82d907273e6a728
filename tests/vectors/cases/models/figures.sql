{%- set families = [
    'cases_proration', 'cases_billing_cycles', 'cases_billing_calendar', 'cases_plan_change', 'cases_commitments',
    'cases_discounts', 'cases_tax', 'cases_wallets', 'cases_credit_notes', 'cases_rounding', 'cases_prorated_seats',
    'cases_prorated_graduated', 'cases_invoices'
] -%}

{% for family in families -%}
select case_id, figures from {{ ref(family) }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
