with versions as (

    select * from {{ ref('stg_contracts__versions') }}

),

run as (

    select {{ as_of() }} as as_of

),

compared as (

    select
        versions.*,
        run.as_of,
        coalesce(versions.effective_from, versions.starts_on) as rules_from,
        lag(versions.version) over by_contract as prior_version,
        lag(coalesce(versions.effective_from, versions.starts_on)) over by_contract as prior_from,
        lag(versions.ends_on) over by_contract as prior_ends_on
    from versions
    cross join run
    window by_contract as (partition by versions.contract_id order by versions.version)

),

judged as (

    select
        *,
        -- Open periods only: a break before the business date is judged in its month, a later one now.
        {{ month_of('least(coalesce(rules_from, as_of), as_of)') }} as period
    from compared

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        cast(null as decimal(38, 12)) as amount
    from judged

),

found as (

    select
        *,
        unnest([
            case when prior_version is null and version <> 1 then 'first version missing' end,
            case when version > prior_version + 1 then 'version missing' end,
            case when rules_from < prior_from then 'effective date goes back' end,
            case when rules_from = prior_from then 'two versions from one date' end,
            case when prior_version is null and rules_from > starts_on then 'no terms at the start' end,
            case when rules_from > prior_ends_on then 'no terms between versions' end
        ]) as kind
    from judged

),

violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', contract_id, version, kind) as violation_key,
        'B06' as code,
        account_id,
        contract_id,
        null as document_id,
        false as holds,
        null as amount,
        currency,
        'none' as direction,
        null as suggested_cause,
        json_object(
            'contract_id', contract_id, 'version', version, 'kind', kind, 'effective_from', rules_from,
            'prior_version', prior_version, 'prior_effective_from', prior_from
        ) as evidence
    from found
    where kind is not null

),

{{ control_rows('CON-04') }}
