{#
Coupons of cases as apply_discounts wants them. `relation` has case_id, currency, coupon_order and inputs. One in another
currency is skipped; they follow each other as listed, or percentages first, or amounts first.
#}
{% macro ranked_coupons(relation) -%}
(
    select
        case_id,
        case_id as contract_id,
        date '2000-01-01' as bill_date,
        case_id as line_key,
        item_no,
        cast(item_no as varchar) as discount_id,
        case {{ text_of('item', 'type') }} when 'fixed' then 'amount' else 'percent' end as kind,
        coalesce({{ number_of('item', 'amount') }}, {{ number_of('item', 'rate_percent') }}) as value,
        row_number() over (
            partition by case_id
            order by
                case coupon_order
                    when 'percent_first' then {{ text_of('item', 'type') }} = 'fixed'
                    when 'fixed_first' then {{ text_of('item', 'type') }} <> 'fixed'
                end,
                item_no
        ) as discount_rank
    from {{ items(relation, "(inputs -> '$.coupons')") }}
    where coalesce({{ text_of('item', 'currency') }}, currency, '') = coalesce(currency, '')
)
{%- endmacro %}
