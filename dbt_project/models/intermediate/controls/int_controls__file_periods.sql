with files as (

    select * from {{ ref('int_controls__files') }}

),

file_accounts as (

    select * from {{ ref('stg_metering__file_accounts') }}

),

from_events as (

    select distinct
        files.file_sequence,
        file_accounts.event_month as period
    from files
    inner join file_accounts on files.file_sequence = file_accounts.file_sequence
    where file_accounts.event_month is not null

),

without_events as (

    select *
    from files
    where file_sequence not in (select from_events.file_sequence from from_events)

),

from_manifests as (

    select
        file_sequence,
        unnest(range(date_trunc('month', min_time), max_time + interval 1 microsecond, interval 1 month)) as month_from
    from without_events
    where min_time is not null and max_time is not null and min_time <= max_time

),

-- Without any readable time a file belongs to the month of the business date on which it landed.
from_business_date as (

    select
        file_sequence,
        {{ month_of('first_seen') }} as period
    from without_events
    where file_sequence not in (select from_manifests.file_sequence from from_manifests)

),

final as (

    select
        file_sequence,
        period
    from from_events
    union all
    select
        file_sequence,
        {{ month_of('month_from') }} as period
    from from_manifests
    union all
    select
        file_sequence,
        period
    from from_business_date

)

select * from final
