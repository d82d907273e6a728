{#
The rows of one control in the shape that all controls share. The model states two CTEs before it:
  population(period, selling_entity, channel, currency, amount)   one row per thing judged
  violations(period, selling_entity, channel, violation_key, code, account_id, contract_id, document_id, holds,
             amount, currency, direction, suggested_cause, evidence)   one row per thing found wrong
Every open scope gets a population row, also with nothing in it: "ran and judged nothing" is not "did not run".
suggested_cause null = the catalogue's.
#}
{% macro control_rows(control_id) -%}
    population_by_scope as (

        select
            period,
            selling_entity,
            channel,
            currency,
            count(*) as population_rows,
            sum(amount) as population_amount
        from population
        group by period, selling_entity, channel, currency

    ),

    silent_scopes as (

        select
            scopes.period,
            scopes.selling_entity,
            scopes.channel
        from {{ ref('int_controls__scopes') }} as scopes
        where
            not exists (
                select 1
                from population_by_scope
                where
                    population_by_scope.period = scopes.period
                    and population_by_scope.selling_entity = scopes.selling_entity
                    and population_by_scope.channel = scopes.channel
            )

    ),

    control_rows as (

        select
            'population' as row_type,
            period,
            selling_entity,
            channel,
            null as violation_key,
            null as code,
            null as account_id,
            null as contract_id,
            null as document_id,
            false as holds,
            population_rows,
            population_amount,
            null as amount,
            currency,
            null as direction,
            null as suggested_cause,
            null as evidence
        from population_by_scope
        union all
        select
            'population' as row_type,
            period,
            selling_entity,
            channel,
            null as violation_key,
            null as code,
            null as account_id,
            null as contract_id,
            null as document_id,
            false as holds,
            0 as population_rows,
            null as population_amount,
            null as amount,
            null as currency,
            null as direction,
            null as suggested_cause,
            null as evidence
        from silent_scopes
        union all
        select
            'violation' as row_type,
            period,
            selling_entity,
            channel,
            violation_key,
            code,
            account_id,
            contract_id,
            document_id,
            holds,
            0 as population_rows,
            null as population_amount,
            amount,
            currency,
            direction,
            suggested_cause,
            evidence
        from violations

    ),

    final as (

        select
            cast(row_type as varchar) as row_type,
            cast('{{ control_id }}' as varchar) as control_id,
            cast(period as varchar) as period,
            cast(selling_entity as varchar) as selling_entity,
            cast(channel as varchar) as channel,
            cast(violation_key as varchar) as violation_key,
            cast(code as varchar) as code,
            cast(account_id as varchar) as account_id,
            cast(contract_id as varchar) as contract_id,
            cast(document_id as varchar) as document_id,
            cast(coalesce(holds, false) as boolean) as holds,
            cast(population_rows as bigint) as population_rows,
            cast(population_amount as decimal(38, 12)) as population_amount,
            cast(amount as decimal(38, 12)) as amount,
            cast(currency as varchar) as currency,
            cast(direction as varchar) as direction,
            cast(suggested_cause as varchar) as suggested_cause,
            cast(evidence as varchar) as evidence
        from control_rows

    )

    select * from final
{%- endmacro %}

{# The close period of a day: 'YYYY-MM'. #}
{% macro month_of(day) -%}
    strftime({{ day }}, '%Y-%m')
{%- endmacro %}

{# The same break tomorrow is the same exception; billing_assets/exceptions/identity.py is the twin. #}
{% macro exception_id(control_id, violation_key, period) -%}
    substr(sha256({{ control_id }} || chr(31) || {{ violation_key }} || chr(31) || {{ period }}), 1, 16)
{%- endmacro %}

{# Money that a value makes at an average price = amount/quantity over what was rated; null when nothing was. #}
{% macro at_average_price(quantity, rated_amount, rated_quantity) -%}
    {{ multiply_divide(quantity, rated_amount, rated_quantity) }}
{%- endmacro %}

{# Share of an account's rows in the month above which rows set aside hold its documents (a setting of the run). #}
{% macro quarantine_share() -%}
    (select run_context.quarantine_share from {{ source('raw', 'run_context') }} as run_context)
{%- endmacro %}

{# Landed usage as a control's population, one row per account, meter and month. #}
{% macro landed_usage_population() -%}
    population as (

        select
            period,
            selling_entity,
            channel,
            currency,
            sum(amount) as amount
        from {{ ref('int_controls__landed_usage') }}
        where period is not null
        group by period, selling_entity, channel, currency, account_id, meter

    )
{%- endmacro %}

{# The plausibility checks of a control: one thing judged per check and month, one violation per check that failed in a
   month. Landed data belongs to no scope, and a warning holds nothing. #}
{% macro plausibility_rows(control_id, code) -%}
    results as (

        select * from {{ ref('stg_plausibility__results') }}
        where control_id = '{{ control_id }}'

    ),

    population as (

        select
            period,
            'UNASSIGNED' as selling_entity,
            'UNASSIGNED' as channel,
            cast(null as varchar) as currency,
            cast(null as decimal(38, 12)) as amount
        from results

    ),

    violations as (

        select
            period,
            'UNASSIGNED' as selling_entity,
            'UNASSIGNED' as channel,
            check_id as violation_key,
            '{{ code }}' as code,
            null as account_id,
            null as contract_id,
            null as document_id,
            false as holds,
            null as amount,
            null as currency,
            'none' as direction,
            null as suggested_cause,
            json_object(
                'check', check_id, 'source', source, 'table', table_name, 'rows', rows_checked,
                'unexpected', unexpected, 'observed', observed, 'expected', expected, 'sample', json(sample)
            ) as evidence
        from results
        where not passed

    )
{%- endmacro %}

{# Usage files as a control's population: CTE file_scopes has one row per file, month, and scope and currency that its
   producer serves, with what the producer's other files are worth; `condition` over it says which files are judged. #}
{% macro file_population(condition='true') -%}
    files as (

        select * from {{ ref('int_controls__files') }}

    ),

    periods as (

        select * from {{ ref('int_controls__file_periods') }}

    ),

    producer_scopes as (

        select * from {{ ref('int_controls__producer_scopes') }}

    ),

    file_scopes as (

        select
            files.*,
            periods.period,
            producer_scopes.selling_entity,
            producer_scopes.channel,
            producer_scopes.currency,
            producer_scopes.accepted as producer_accepted,
            producer_scopes.amount as producer_amount,
            concat_ws(
                '/', files.path, substr(files.sha256, 1, 8),
                producer_scopes.selling_entity, producer_scopes.channel, producer_scopes.currency
            ) as violation_key,
            periods.period = min(periods.period) over (partition by files.file_sequence) as is_first_period
        from files
        inner join periods on files.file_sequence = periods.file_sequence
        inner join producer_scopes on files.producer = producer_scopes.producer

    ),

    population as (

        select distinct
            period,
            selling_entity,
            channel,
            cast(null as varchar) as currency,
            file_sequence,
            cast(null as decimal(38, 12)) as amount
        from file_scopes
        where {{ condition }}

    )
{%- endmacro %}

{# Rows of CTE `unbilled` (from int_controls__unbilled_rows, with a `kind` in words) as violations: one per account,
   contract, kind, month, billing period and currency. `kind` is part of the key; `code` is an expression over it.
   Evidence names the first rows only: the quarantine report has all of them. #}
{% macro unbilled_violations(code) -%}
    violations as (

        select
            period,
            selling_entity,
            channel,
            concat_ws(
                '/', coalesce(account_id, 'unknown account'), coalesce(contract_id, currency), kind, billed_from
            ) as violation_key,
            {{ code }} as code,
            account_id,
            contract_id,
            document_id,
            bool_or(holds) as holds,
            sum(amount) as amount,
            currency,
            case when sum(amount) < 0 then 'over_billed' else 'under_billed' end as direction,
            null as suggested_cause,
            json_object(
                'kind', kind, 'rows', sum(row_count), 'quantity', cast(sum(quantity) as varchar),
                'meters', list_sort(list_distinct(list(meter))),
                'landed_as', list_sort(list_distinct(list(landed_account_id))),
                'keys', list_slice(list_sort(list(row_key)), 1, 20), 'amount_is', 'estimate'
            ) as evidence
        from unbilled
        group by period, selling_entity, channel, account_id, contract_id, kind, billed_from, document_id, currency

    )
{%- endmacro %}

{# `day` moved forward by `days` weekdays (0 = the day itself). Holidays are the seller's calendar, not known here. #}
{% macro add_weekdays(day, days) -%}
    case
        when {{ days }} = 0 then {{ day }}
        else
            list_filter(
                range(
                    cast({{ day }} as timestamp) + interval 1 day,
                    -- twice the days and a week hold enough weekdays for any number
                    cast({{ day }} as timestamp) + to_days(cast({{ days }} * 2 + 7 as integer)),
                    interval 1 day
                ),
                lambda candidate: isodow(candidate) < 6
            )[{{ days }}]
    end
{%- endmacro %}
