with files as (

    select * from {{ ref('int_controls__files') }}

),

landed_usage as (

    select * from {{ ref('int_controls__landed_usage') }}

),

scopes as (

    select distinct
        selling_entity,
        channel
    from {{ ref('int_controls__scopes') }}

),

producers as (

    select
        producer,
        count(*) filter (where accepted > 0) as files,
        sum(accepted) as accepted
    from files
    group by producer

),

served as (

    select
        files.producer,
        landed_usage.selling_entity,
        landed_usage.channel,
        landed_usage.currency,
        landed_usage.amount
    from landed_usage
    inner join files on landed_usage.file_sequence = files.file_sequence

),

valued as (

    select
        producer,
        selling_entity,
        channel,
        currency,
        sum(amount) as amount
    from served
    group by producer, selling_entity, channel, currency

),

-- A producer of whom nothing could be read may have served every scope.
served_scopes as (

    select distinct
        producer,
        selling_entity,
        channel
    from served
    union
    select
        producers.producer,
        scopes.selling_entity,
        scopes.channel
    from producers
    cross join scopes
    where producers.producer not in (select served.producer from served)

),

final as (

    select
        served_scopes.producer,
        served_scopes.selling_entity,
        served_scopes.channel,
        valued.currency,
        producers.files,
        producers.accepted,
        cast(valued.amount as decimal(38, 12)) as amount
    from served_scopes
    inner join scopes
        on served_scopes.selling_entity = scopes.selling_entity
        and served_scopes.channel = scopes.channel
    inner join producers on served_scopes.producer = producers.producer
    left join valued
        on served_scopes.producer = valued.producer
        and served_scopes.selling_entity = valued.selling_entity
        and served_scopes.channel = valued.channel

)

select * from final
