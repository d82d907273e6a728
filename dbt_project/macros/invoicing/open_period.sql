{#
The month a document of natural month `period` is posted into: that one, or the first later one that takes it. What
lies at or before the entity's last locked month is shut; `soft_closed` lists the months that take adjustments only
(null for an adjustment). billing_assets/ledger/periods.py has the twin.
#}
{% macro open_period(period, locked_through, soft_closed='null') -%}
    strftime(
        list_filter(
            range(
                greatest(
                    cast({{ period }} || '-01' as timestamp),
                    cast({{ locked_through }} || '-01' as timestamp) + interval 1 month
                ),
                greatest(
                    cast({{ period }} || '-01' as timestamp),
                    cast({{ locked_through }} || '-01' as timestamp) + interval 1 month
                ) + to_months(cast(coalesce(len({{ soft_closed }}), 0) + 1 as integer)),
                interval 1 month
            ),
            lambda candidate: not coalesce(
                list_contains(cast({{ soft_closed }} as varchar[]), strftime(candidate, '%Y-%m')), false
            )
        )[1],
        '%Y-%m'
    )
{%- endmacro %}
