{# AWS's key of a billing line before its currencies, of a row with the columns of the billing event feed; null for
   payouts, which are no part of a line. #}
{% macro line_base_key() -%}
    case
        when starts_with(transaction_type, 'DISBURSEMENT') then null
        when transaction_type = 'BALANCE_ADJUSTMENT'
            then
                coalesce(recipient_account_id, '') || ':'
                || coalesce(strftime(invoice_date, '%Y-%m-%d %H:%M:%S.%g UTC'), '')
        when buyer_invoice_id is null
            then
                coalesce(invoice_id, '') || ':' || coalesce(line_item_id, '')
                || ':' || coalesce(recipient_account_id, '')
        else buyer_invoice_id || ':' || coalesce(buyer_line_item_id, '') || ':' || coalesce(recipient_account_id, '')
    end
{%- endmacro %}

{# The same, of a classified row: its line's key without the two currencies at the end. Not a column of its own: a text as
   long as these costs more to write than to cut. #}
{% macro base_key_of_line(rows) -%}
    left(
        {{ rows }}.line_key,
        length({{ rows }}.line_key) - 2
        - length(coalesce({{ rows }}.currency, '')) - length(coalesce({{ rows }}.line_payout_currency, ''))
    )
{%- endmacro %}
