{# A full build reads nothing of this. #}
with partials as (

    select * from {{ ref('stg_metering__partials') }}
    where batch > {{ last_built_batch() }} and not {{ should_full_refresh() }}

),

matched as (

    select * from {{ ref('int_usage__matched') }}
    where reason is null

),

-- By the hour, because another contract's zone may have hours built again as quarters.
added as (

    select distinct
        account_id,
        meter,
        dimensions,
        date_trunc('hour', bucket_from) as from_at
    from partials

),

match_changes as (

    {{ changed_rows('int_usage__matched', [
        'account_id', 'meter', 'dimensions', 'from_at', 'to_at', 'contract_id', 'charge_id', 'version', 'segment_from',
        'charge_position'
    ]) }}

),

final as (

    select
        added.account_id,
        added.meter,
        added.dimensions,
        added.from_at,
        added.from_at + interval 1 hour as to_at,
        matched.contract_id,
        matched.charge_id
    from added
    inner join matched
        on added.account_id = matched.account_id
        and added.meter = matched.meter
        and added.dimensions = matched.dimensions
        and added.from_at + interval 1 hour > matched.from_at
        and added.from_at < matched.to_at
    union
    select
        account_id,
        meter,
        dimensions,
        from_at,
        to_at,
        contract_id,
        charge_id
    from match_changes
    where contract_id is not null

)

select * from final
