-- What the lake hands to rating: roll-ups and counts, never events. All of it is rebuilt from the lake.
create schema if not exists raw_metering;

-- One row per committed lake file. A file in the lake that is not listed here does not exist.
create table if not exists raw_metering.lake_parts (
    event_date date, batch integer, path varchar, rows bigint, primary key (event_date, batch));

-- One row per property that roll-ups of a meter keep apart, because a landed contract filters, groups or prices by it.
create table if not exists raw_metering.dimensions (meter varchar, property varchar, primary key (meter, property));
-- One row per numeric reading that roll-ups of a meter keep: 'quantity', or a property that a charge aggregates.
create table if not exists raw_metering.measures (meter varchar, measure varchar, primary key (meter, measure));
-- One row per partial that roll-ups of a meter keep beyond count, sum, max and min, because a charge needs it:
-- 'latest', 'level', or 'unique <property>'. Without it the columns latest_* and level_seconds are null.
create table if not exists raw_metering.extras (meter varchar, extra varchar, primary key (meter, extra));

-- One row per account as landed (account or organization) x meter x dimensions x measure, numbered as they came.
create table if not exists raw_metering.usage_series (
    series_id integer, account_id varchar, meter varchar,
    dimensions varchar,                              -- canonical JSON object of the kept properties present
    measure varchar,
    bucket_length interval);                         -- one hour, or a quarter for zones off the whole hour
-- One row per batch x UTC bucket x series: mergeable partials. Appended, never updated: late usage costs its own rows.
-- `batch` is the one that brought them, or that built the series again.
create table if not exists raw_metering.usage_partials (
    bucket_from timestamp, series_id integer, event_count bigint,
    quantity_sum decimal(38,12), quantity_max decimal(38,12), quantity_min decimal(38,12), batch integer);
-- The same for the partials that only some meters keep (see extras); apart, because they would double the cost of all.
create table if not exists raw_metering.usage_extras (
    bucket_from timestamp, series_id integer,
    latest_at timestamp, latest_source varchar, latest_event_id varchar, latest_quantity decimal(38,12),
    level_seconds decimal(38,12));                   -- sum of quantity x whole seconds left in the bucket
-- One row per UTC bucket x account as landed x meter x dimensions x measure: the partials of all batches, merged.
create or replace view raw_metering.usage_buckets as
with merged as (
    select
        bucket_from, series_id, cast(sum(event_count) as bigint) as event_count, sum(quantity_sum) as quantity_sum,
        max(quantity_max) as quantity_max, min(quantity_min) as quantity_min
    from raw_metering.usage_partials
    group by bucket_from, series_id
),
merged_extras as (
    select
        bucket_from, series_id,
        max({
            'moment': latest_at, 'source': latest_source, 'event_id': latest_event_id, 'quantity': latest_quantity
        }) as latest,
        sum(level_seconds) as level_seconds
    from raw_metering.usage_extras
    group by bucket_from, series_id
)
select
    bucket_from, bucket_from + bucket_length as bucket_to, account_id, meter, dimensions, measure,
    event_count, quantity_sum, quantity_max, quantity_min,
    latest.moment as latest_at, latest.source as latest_source, latest.event_id as latest_event_id,
    latest.quantity as latest_quantity, level_seconds
from merged
inner join raw_metering.usage_series using (series_id)
left join merged_extras using (bucket_from, series_id);
-- One row per distinct value in a bucket, for meters that a charge counts uniquely.
create table if not exists raw_metering.unique_values (
    bucket_from timestamp, bucket_to timestamp, account_id varchar, meter varchar, dimensions varchar,
    property varchar, value varchar);

-- One row per accepted event. Landing opens the lake's committed files behind this name (open_lake in lake.py), so that
-- charges priced per event can read the dates they need; until then it is empty.
create view if not exists raw_metering.usage_events as
select
    cast(null as date) as event_date, cast(null as varchar) as event_id, cast(null as varchar) as source,
    cast(null as varchar) as event_type, cast(null as varchar) as account_id, cast(null as timestamp) as event_time,
    cast(null as decimal(38,12)) as quantity, cast(null as varchar) as properties
where false;

-- One row per usage file x account as landed x meter x UTC month of event time: what the file brought.
create table if not exists raw_metering.file_accounts (
    file_sequence bigint, account_id varchar, meter varchar, event_month varchar,
    accepted bigint, duplicate bigint, conflict bigint, quarantined bigint, quantity_accepted decimal(38,12));
