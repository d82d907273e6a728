{# The buckets of a billing line in the order of AWS's billed-revenue report: bucket of the event = column of the line. #}
{% macro line_buckets() -%}
    {{ return([
        'gross_revenue', 'gross_refund', 'listing_fee', 'listing_fee_refund', 'seller_tax_share',
        'seller_tax_share_refund', 'aws_tax_share', 'aws_tax_share_refund', 'aws_tax_share_listing_fee',
        'aws_tax_share_listing_fee_refund', 'wholesale_cost', 'wholesale_cost_refund', 'wholesale_seller_tax_share',
        'wholesale_seller_tax_share_refund', 'wholesale_other_seller_tax_share',
        'wholesale_other_seller_tax_share_refund', 'wholesale_aws_tax_share', 'wholesale_aws_tax_share_refund',
        'other_seller_tax_share', 'other_seller_tax_share_refund', 'infrastructure_netting', 'balance_adjustment'
    ]) }}
{%- endmacro %}
