{#
Reconciliations that keep the rows of billing lines (`comparisons`) from one build to the next; all others, which are few,
are computed anew each time.
#}

{# Pre-hook: takes out every row but those of lines that did not change and of which the business date decides nothing:
   what waited for a day that has passed is judged anew. #}
{% macro forget_rows(comparisons, touched, lines) -%}
    {%- if follows_last_build() %}
        delete from {{ this }}
        where
            comparison not in ('{{ comparisons | join("', '") }}')
            or item in (select touched.line_key from {{ touched }} as touched)
            or item not in (select standing.line_key from {{ lines }} as standing)
            or (status = 'timing' and expected_clear < {{ as_of() }})
    {%- endif %}
{%- endmacro %}

{# Condition on lines: those of which the model keeps no row of this comparison. #}
{% macro is_not_kept(line_key, comparison) -%}
    {%- if follows_last_build() -%}
        ({{ comparison }}, {{ line_key }}) not in (select (kept.comparison, kept.item) from {{ this }} as kept)
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}
