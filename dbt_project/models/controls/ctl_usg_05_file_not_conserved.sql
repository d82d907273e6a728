with conservation as (

    select * from {{ ref('stg_landing__conservation') }}

),

{{ file_population('file_sequence in (select conservation.file_sequence from conservation)') }},

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
        file_scopes.period,
        file_scopes.selling_entity,
        file_scopes.channel,
        file_scopes.violation_key,
        'B04' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        true as holds,
        case
            when file_scopes.is_first_period
                then {{ multiply_divide(
                    'unbalanced.row_difference', 'file_scopes.producer_amount', 'file_scopes.producer_accepted') }}
        end as amount,
        file_scopes.currency,
        case when unbalanced.row_difference < 0 then 'over_billed' else 'under_billed' end as direction,
        null as suggested_cause,
        json_object(
            'path', file_scopes.path, 'sha256', file_scopes.sha256, 'rows', unbalanced.row_difference,
            'units', unbalanced.unit_differences, 'amount_is', 'estimate'
        ) as evidence
    from unbalanced
    inner join file_scopes on unbalanced.file_sequence = file_scopes.file_sequence
    where unbalanced.row_difference <> 0 or unbalanced.unit_differences is not null

),

{{ control_rows('USG-05') }}
