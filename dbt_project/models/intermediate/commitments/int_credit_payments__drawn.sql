with lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

invoice_lines as (

    select * from {{ ref('int_invoice_lines__collected') }}

),

slices as (

    select * from {{ ref('int_line_slices__weighed') }}

),

grants as (

    select * from {{ ref('int_grants__ranked') }}
    where pool = 'payment'

),

eligible as materialized (

    select * from {{ ref('int_slices__eligible') }}
    where pool = 'payment'

),

run as (

    select {{ as_of() }} as as_of

),

-- What is owed for a line: itself and all lines that name it, tax included.
owed as (

    select
        coalesce(parent_line_key, line_key) as line_key,
        cast(sum(amount) as decimal(38, 12)) as amount
    from invoice_lines
    group by coalesce(parent_line_key, line_key)

),

payable_lines as (

    select
        lines.line_key,
        lines.contract_id,
        lines.bill_date,
        lines.line_order,
        lines.rounding_places,
        owed.amount
    from lines
    inner join owed on lines.line_key = owed.line_key
    where {{ priced_kind('lines') }} <> 'prepaid' and lines.contract_id in (select grants.contract_id from grants)

),

{{ drawn_from_lines('payable_lines', 'contract_id, bill_date') }},

last_eligible as (

    select
        slice_key,
        arg_max(grant_id, burn_rank) as grant_id
    from eligible
    group by slice_key

),

-- What no grant could pay is the overage of the last grant that might have.
gathered as (

    select
        slice_key,
        grant_id,
        drawn_amount,
        cast(0 as decimal(38, 12)) as overage_amount
    from drawn
    where drawn_amount > 0

    union all

    select
        drawn.slice_key,
        last_eligible.grant_id,
        cast(0 as decimal(38, 12)) as drawn_amount,
        drawn.left_amount as overage_amount
    from drawn
    inner join last_eligible on drawn.slice_key = last_eligible.slice_key
    where drawn.is_last and drawn.left_amount > 0

),

dated as (

    select
        lines.contract_id,
        lines.bill_date,
        lines.line_key,
        lines.line_kind,
        gathered.grant_id,
        gathered.drawn_amount,
        gathered.overage_amount,
        lines.currency,
        {{ drawn_on('slices', 'grants.timezone', 'run.as_of') }} as drawn_on
    from gathered
    inner join slices on gathered.slice_key = slices.slice_key
    inner join lines on slices.line_key = lines.line_key
    inner join grants
        on lines.contract_id = grants.contract_id
        and gathered.grant_id = grants.grant_id
    cross join run

),

final as (

    select
        contract_id,
        bill_date,
        line_key,
        grant_id,
        drawn_on,
        currency,
        cast(sum(drawn_amount) as decimal(38, 12)) as drawn_amount,
        cast(sum(overage_amount) as decimal(38, 12)) as overage_amount
    from dated
    group by contract_id, bill_date, line_key, grant_id, drawn_on, currency

)

select * from final
