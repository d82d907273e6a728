with {{ file_population() }},

manifests as (

    select * from {{ ref('stg_landing__manifests') }}

),

-- A manifest says that there is a file, where and from when: only the file itself is not here. Its number counts
-- as known, so that one missing file is one exception.
orphans as (

    select
        manifests.*,
        landed.first_seen
    from manifests
    inner join {{ ref('stg_landing__files') }} as landed on manifests.file_sequence = landed.file_sequence
    where
        manifests.data_file_sequence is null
        and not exists (
            select 1
            from files
            where files.path = manifests.data_path
        )
    qualify row_number() over (partition by manifests.data_path order by manifests.file_sequence desc) = 1

),

-- The last event time says which part of the stream a file carried; the first one does not, as late events move it.
sequenced as (

    select
        producer,
        producer_sequence,
        max(max_time) as max_time,
        min(first_seen) as first_seen
    from (
        select
            producer,
            producer_sequence,
            max_time,
            first_seen
        from files
        where is_sequenced
        union all
        select
            producer,
            producer_sequence,
            max_time,
            first_seen
        from orphans
    ) as numbered
    where producer is not null and producer_sequence is not null
    group by producer, producer_sequence

),

neighbours as (

    select
        *,
        lag(producer_sequence) over (partition by producer order by producer_sequence) as prior_sequence,
        lag(max_time) over (partition by producer order by producer_sequence) as prior_time
    from sequenced

),

-- Whole days between the neighbours are the missing ones; where there is none, it is the neighbours' own days.
gaps as (

    select
        producer,
        prior_sequence + 1 as first_missing,
        producer_sequence - 1 as last_missing,
        producer_sequence - prior_sequence - 1 as missing_files,
        first_seen,
        case
            when cast(max_time as date) - cast(prior_time as date) > 1 then cast(prior_time as date) + 1
            else least(cast(prior_time as date), cast(max_time as date))
        end as first_day,
        case
            when cast(max_time as date) - cast(prior_time as date) > 1 then cast(max_time as date) - 1
            else greatest(cast(prior_time as date), cast(max_time as date))
        end as last_day
    from neighbours
    where producer_sequence - prior_sequence > 1

),

months as (

    select
        producer,
        'producer ' || producer || ' sequence ' || first_missing || '-' || last_missing as missing,
        missing_files,
        cast(null as bigint) as missing_rows,
        'gap' as kind,
        unnest(
            case
                when first_day is null or last_day is null then [date_trunc('month', cast(first_seen as timestamp))]
                else range(
                    date_trunc('month', cast(first_day as timestamp)), cast(last_day + 1 as timestamp), interval 1 month
                )
            end
        ) as month_from
    from gaps
    union all
    select
        coalesce(producer, 'folder ' || regexp_replace(data_path, '[^/]*$', '')) as producer,
        data_path as missing,
        1 as missing_files,
        records as missing_rows,
        'manifest without its file' as kind,
        unnest(
            case
                when min_time is null or max_time is null or max_time < min_time
                    then [date_trunc('month', cast(first_seen as timestamp))]
                else range(date_trunc('month', min_time), max_time + interval 1 microsecond, interval 1 month)
            end
        ) as month_from
    from orphans

),

missing_by_period as (

    select
        producer,
        missing,
        missing_files,
        missing_rows,
        kind,
        {{ month_of('month_from') }} as period
    from months
    union all
    select
        files.producer,
        files.path || '/' || substr(files.sha256, 1, 8) as missing,
        1 as missing_files,
        nullif(files.received, 0) as missing_rows,
        case files.status
            when 'vanished' then 'vanished after it was registered'
            when 'changed_in_place' then 'changed in place after it was registered'
            else 'container could not be read: ' || coalesce(files.set_aside_reason, 'no reason given')
        end as kind,
        periods.period
    from files
    inner join periods on files.file_sequence = periods.file_sequence
    where
        files.status in ('vanished', 'changed_in_place')
        or (
            files.status = 'set_aside'
            and coalesce(files.set_aside_code, '') <> 'manifest'
            and not files.is_replaced
        )

),

-- A producer known by its manifest only has served nobody yet: it may serve every entity.
scoped as (

    select
        missing_by_period.*,
        producer_scopes.selling_entity,
        producer_scopes.channel,
        producer_scopes.currency,
        producer_scopes.files,
        producer_scopes.accepted,
        producer_scopes.amount as producer_amount
    from missing_by_period
    inner join producer_scopes on missing_by_period.producer = producer_scopes.producer
    union all
    select
        missing_by_period.*,
        scopes.selling_entity,
        scopes.channel,
        null as currency,
        null as files,
        null as accepted,
        null as producer_amount
    from missing_by_period
    inner join {{ ref('int_controls__scopes') }} as scopes on missing_by_period.period = scopes.period
    where missing_by_period.producer not in (select producer_scopes.producer from producer_scopes)

),

-- The value of what is missing is estimated from the producer's other files: per row where the rows are known,
-- else per file; counted in the first month only.
violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', missing, selling_entity, channel, currency) as violation_key,
        'B01' as code,
        null as account_id,
        null as contract_id,
        null as document_id,
        true as holds,
        case
            when period <> min(period) over (partition by missing, kind) then null
            when missing_rows is not null
                then {{ multiply_divide('missing_rows', 'producer_amount', 'accepted') }}
            else {{ multiply_divide('missing_files', 'producer_amount', 'files') }}
        end as amount,
        currency,
        'under_billed' as direction,
        null as suggested_cause,
        json_object(
            'missing', missing, 'kind', kind, 'files', missing_files, 'rows', missing_rows,
            'producer', producer, 'amount_is', 'estimate'
        ) as evidence
    from scoped

),

{{ control_rows('USG-02') }}
