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

-- One row per UTC bucket x account as landed (account or organization) x meter x dimensions x measure.
create table if not exists raw_metering.usage_buckets (
    bucket_from timestamp, bucket_to timestamp,      -- one hour, or a quarter for zones off the whole hour
    account_id varchar, meter varchar,
    dimensions varchar,                              -- canonical JSON object of the kept properties present
    measure varchar,
    event_count bigint, quantity_sum decimal(38,12), quantity_max decimal(38,12), quantity_min decimal(38,12),
    latest_at timestamp, latest_source varchar, latest_event_id varchar, latest_quantity decimal(38,12),
    level_seconds decimal(38,12));                   -- sum of quantity x whole seconds left in the bucket
-- One row per distinct value in a bucket, for meters that a charge counts uniquely.
create table if not exists raw_metering.unique_values (
    bucket_from timestamp, bucket_to timestamp, account_id varchar, meter varchar, dimensions varchar,
    property varchar, value varchar);

-- One row per usage file x account as landed x meter x UTC month of event time: what the file brought.
create table if not exists raw_metering.file_accounts (
    file_sequence bigint, account_id varchar, meter varchar, event_month varchar,
    accepted bigint, duplicate bigint, conflict bigint, quarantined bigint, quantity_accepted decimal(38,12));
