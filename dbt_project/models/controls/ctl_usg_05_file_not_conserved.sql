with conservation as (

    select * from {{ ref('stg_landing__conservation') }}

),

files as (

    select * from {{ ref('int_controls__files') }}

),

periods as (

    select * from {{ ref('int_controls__file_periods') }}

),

producer_scopes as (

    select * from {{ ref('int_controls__producer_scopes') }}

),

population as (

    select distinct
        periods.period,
        producer_scopes.selling_entity,
        producer_scopes.channel,
        cast(null as varchar) as currency,
        files.file_sequence,
        cast(null as decimal(38, 12)) as amount
    from files
    inner join conservation on files.file_sequence = conservation.file_sequence
    inner join periods on files.file_sequence = periods.file_sequence
    inner join producer_scopes on files.producer = producer_scopes.producer

),

meters as (

    select
        file_sequence,
        unnest(json_keys(units_received)) as meter
    from conservation

),

units as (

    select
        meters.file_sequence,
        meters.meter,
        coalesce(cast(conservation.units_received ->> meters.meter as decimal(38, 12)), 0)
        - coalesce(cast(conservation.units_accepted ->> meters.meter as decimal(38, 12)), 0)
        - coalesce(cast(conservation.units_duplicate ->> meters.meter as decimal(38, 12)), 0)
        - coalesce(cast(conservation.units_conflict ->> meters.meter as decimal(38, 12)), 0)
        - coalesce(cast(conservation.units_quarantined ->> meters.meter as decimal(38, 12)), 0) as difference
    from meters
    inner join conservation on meters.file_sequence = conservation.file_sequence

),

unbalanced_units as (

    select
        file_sequence,
        json_group_object(meter, cast(difference as varchar)) as differences
    from units
    where difference <> 0
    group by file_sequence

),

unbalanced as (

    select
        conservation.file_sequence,
        conservation.received - conservation.accepted - conservation.duplicate - conservation.conflict
        - conservation.quarantined as row_difference,
        unbalanced_units.differences as unit_differences
    from conservation
    left join unbalanced_units on conservation.file_sequence = unbalanced_units.file_sequence

),

violations as (

    select
        periods.period,
        producer_scopes.selling_entity,
        producer_scopes.channel,
        concat_ws(
            '/', files.path, substr(files.sha256, 1, 8),
            producer_scopes.selling_entity, producer_scopes.channel, producer_scopes.currency
        ) as violation_key,
        'B04' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        true as holds,
        case
            when periods.period = min(periods.period) over (partition by files.file_sequence)
                then {{ multiply_divide(
                    'unbalanced.row_difference', 'producer_scopes.amount', 'producer_scopes.accepted') }}
        end as amount,
        producer_scopes.currency,
        case when unbalanced.row_difference < 0 then 'over_billed' else 'under_billed' end as direction,
        null as suggested_cause,
        json_object(
            'path', files.path, 'sha256', files.sha256, 'rows', unbalanced.row_difference,
            'units', unbalanced.unit_differences, 'amount_is', 'estimate'
        ) as evidence
    from unbalanced
    inner join files on unbalanced.file_sequence = files.file_sequence
    inner join periods on files.file_sequence = periods.file_sequence
    inner join producer_scopes on files.producer = producer_scopes.producer
    where unbalanced.row_difference <> 0 or unbalanced.unit_differences is not null

),

{{ control_rows('USG-05') }}
