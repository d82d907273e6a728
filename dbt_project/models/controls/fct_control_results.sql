{{ config(schema='marts', contract={'enforced': true}) }}

{#- The text of a control's query is part of its evidence: another query is another control. -#}
{%- set hashes = {} -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name.startswith('ctl_') -%}
        {%- do hashes.update({node.name: node.checksum.checksum}) -%}
    {%- endfor -%}
{%- endif -%}

with judged as (

    select * from {{ ref('int_controls__judged') }}

),

catalogue as (

    select * from {{ ref('control_catalogue') }}

),

scopes as (

    select * from {{ ref('int_controls__scopes') }}

),

shut as (

    select * from {{ ref('int_periods__shut') }}

),

frozen as (

    select * from {{ ref('stg_close__control_results') }}

),

gathered as (

    select
        control_id,
        period,
        selling_entity,
        channel,
        currency,
        cast(sum(population_rows) as bigint) as population_rows,
        cast(sum(population_amount) as decimal(38, 12)) as population_amount,
        count(*) filter (where row_type = 'violation') as violations,
        cast(sum(amount) as decimal(38, 12)) as violation_amount
    from judged
    group by control_id, period, selling_entity, channel, currency

),

waived as (

    select
        control_id,
        period,
        selling_entity,
        channel,
        currency,
        count(*) as waived
    from {{ ref('fct_control_violations') }}
    where is_waived
    group by control_id, period, selling_entity, channel, currency

),

-- A control that says nothing about a scope, not even that it found nothing to judge, did not run on it.
not_run as (

    select
        catalogue.control_id,
        scopes.period,
        scopes.selling_entity,
        scopes.channel
    from catalogue
    cross join scopes
    where
        not exists (
            select 1
            from judged
            where
                judged.row_type = 'population'
                and judged.control_id = catalogue.control_id
                and judged.period = scopes.period
                and judged.selling_entity = scopes.selling_entity
                and judged.channel = scopes.channel
        )

),

all_results as (

    select
        gathered.*,
        case
            when gathered.violations = 0 then 'pass'
            when gathered.violations = waived.waived then 'waived'
            else 'fail'
        end as status
    from gathered
    left join waived
        on gathered.control_id = waived.control_id
        and gathered.period = waived.period
        and gathered.selling_entity = waived.selling_entity
        and gathered.channel = waived.channel
        and gathered.currency is not distinct from waived.currency
    union all by name
    select
        *,
        cast(0 as bigint) as population_rows,
        cast(0 as bigint) as violations,
        'not_run' as status
    from not_run

),

query_hashes as (

    select
        control_id,
        case model
            {% for name, checksum in hashes.items() | sort -%}
            when '{{ name }}' then '{{ checksum }}'
            {% endfor -%}
            else null
        end as query_hash
    from catalogue

),

judged_now as (

    select
        all_results.control_id,
        all_results.period,
        all_results.selling_entity,
        all_results.channel,
        catalogue.severity,
        catalogue.blocks,
        all_results.population_rows,
        all_results.population_amount,
        all_results.violations,
        all_results.violation_amount,
        all_results.currency,
        all_results.status,
        cast(query_hashes.query_hash as varchar) as query_hash
    from all_results
    inner join catalogue on all_results.control_id = catalogue.control_id
    inner join query_hashes on all_results.control_id = query_hashes.control_id

),

-- Controls judge open months. A locked one keeps what was found at its lock; what is found about it since is an
-- exception, not another result.
final as (

    select judged_now.*
    from judged_now
    left join shut on judged_now.selling_entity = shut.selling_entity
    where coalesce(judged_now.period > shut.locked_through, true)

    union all by name

    select * from frozen

)

select * from final
