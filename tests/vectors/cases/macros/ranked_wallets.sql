{# Wallets of cases in the order they are tried: by priority where one is given, else as listed. One in another currency
   is left alone. `relation` has case_id, currency and inputs. #}
{% macro ranked_wallets(relation) -%}
(
    select
        case_id,
        item_no,
        coalesce({{ text_of('item', 'id') }}, cast(item_no as varchar)) as wallet_id,
        {{ number_of('item', 'balance') }} as balance,
        case
            when json_array_length(item -> '$.limited_to') > 0 then cast((item -> '$.limited_to') as varchar[])
        end as targets,
        row_number() over (
            partition by case_id order by {{ number_of('item', 'priority') }} nulls last, item_no
        ) as burn_rank
    from {{ items(relation, "(inputs -> '$.wallets')") }}
    where coalesce({{ text_of('item', 'currency') }}, currency, '') = coalesce(currency, '')
)
{%- endmacro %}

{# Which wallet may pay which line: one without limits any, else those of the kinds it names. #}
{% macro wallets_of_lines(wallets, slices) -%}
(
    select
        slices.contract_id,
        slices.slice_key,
        wallets.wallet_id as grant_id,
        wallets.burn_rank,
        wallets.balance as grant_amount
    from {{ wallets }} as wallets
    inner join {{ slices }} as slices
        on wallets.case_id = slices.contract_id
        and (wallets.targets is null or list_contains(wallets.targets, slices.line_kind))
)
{%- endmacro %}
