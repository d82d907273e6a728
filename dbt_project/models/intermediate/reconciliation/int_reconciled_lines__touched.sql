with lines as (

    select * from {{ ref('int_marketplace_lines__measured') }}
    where not {{ should_full_refresh() }}

),

touched_lines as (

    select * from {{ ref('int_marketplace_lines__touched') }}

),

-- A new rate may move the value of an agreement in another currency into another band of the fee table.
new_rates as (

    select count(*) > 0 as has_new_rates
    from {{ ref('stg_landing__files') }}
    where source = 'fx' and loaded_batch > {{ last_built_batch() }}

),

-- Whether AWS tells of collections at all decides when a line is overdue. A line that did not change and tells of one
-- says that this did not change either.
collections as (

    select count(*) > 0 as has_lasting_collection
    from lines
    where collected <> 0 and line_key not in (select touched_lines.line_key from touched_lines)

),

final as (

    select lines.line_key
    from lines
    cross join new_rates
    cross join collections
    where
        lines.line_key in (select touched_lines.line_key from touched_lines)
        or (new_rates.has_new_rates and lines.agreement_currency <> 'USD')
        or not collections.has_lasting_collection

)

select * from final
