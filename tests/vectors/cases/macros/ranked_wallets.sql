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

{# Wallets as draw_credits takes them: a turn each, in the order they burn, from a balance that nothing is added to. #}
{% macro wallet_turns(wallets) -%}
(
    select
        case_id as wallet_key,
        burn_rank as turn_no,
        wallet_id as grant_id,
        1 as step_no,
        true as is_beginning,
        cast(balance as decimal(38, 12)) as granted_amount,
        cast(0 as decimal(38, 12)) as kept_at_least,
        cast(0 as decimal(38, 12)) as kept_at_most
    from {{ wallets }}
)
{%- endmacro %}

{# Which wallet may pay which line: one without limits any, else those of the kinds it names. #}
{% macro wallets_of_lines(wallets, slices) -%}
(
    select
        slices.slice_key,
        wallets.burn_rank as turn_no
    from {{ wallets }} as wallets
    inner join {{ slices }} as slices
        on wallets.case_id = slices.wallet_key
        and (wallets.targets is null or list_contains(wallets.targets, slices.line_kind))
)
{%- endmacro %}
