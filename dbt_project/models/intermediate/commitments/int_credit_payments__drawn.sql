with lines as (

    select * from {{ ref('int_priced_lines__collected') }}

),

invoice_lines as (

    select * from {{ ref('int_invoice_lines__collected') }}

),

slices as (

    select * from {{ ref('int_line_slices__weighed') }}

),

turns as (

    select * from {{ ref('int_credit_turns__listed') }}
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
    where {{ priced_kind('lines') }} <> 'prepaid' and lines.contract_id in (select turns.contract_id from turns)

),

{{ drawn_from_lines('payable_lines', 'contract_id, bill_date', 'payment') }},

last_turns as (

    select
        slice_key,
        max(turn_no) as turn_no
    from eligible
    group by slice_key

),

-- What no grant could pay is the overage of the last grant that might have.
overages as (

    select
        drawable_slices.slice_key,
        last_turns.turn_no,
        cast(drawable_slices.drawable - coalesce(sum(drawn.drawn_amount), 0) as decimal(38, 12)) as overage_amount
    from drawable_slices
    inner join last_turns on drawable_slices.slice_key = last_turns.slice_key
    left join drawn on drawable_slices.slice_key = drawn.slice_key
    group by drawable_slices.slice_key, last_turns.turn_no, drawable_slices.drawable
    having drawable_slices.drawable > coalesce(sum(drawn.drawn_amount), 0)

),

gathered as (

    select
        slice_key,
        turn_no,
        drawn_amount,
        cast(0 as decimal(38, 12)) as overage_amount
    from drawn

    union all

    select
        slice_key,
        turn_no,
        cast(0 as decimal(38, 12)) as drawn_amount,
        overage_amount
    from overages

),

dated as (

    select
        lines.contract_id,
        lines.bill_date,
        lines.line_key,
        lines.line_kind,
        turns.grant_id,
        turns.step_no,
        gathered.drawn_amount,
        gathered.overage_amount,
        lines.currency,
        {{ drawn_on('slices', 'turns.timezone', 'run.as_of') }} as drawn_on
    from gathered
    inner join slices on gathered.slice_key = slices.slice_key
    inner join lines on slices.line_key = lines.line_key
    inner join turns
        on lines.contract_id = turns.contract_id
        and gathered.turn_no = turns.turn_no
    cross join run

),

final as (

    select
        contract_id,
        bill_date,
        line_key,
        grant_id,
        step_no,
        drawn_on,
        currency,
        cast(sum(drawn_amount) as decimal(38, 12)) as drawn_amount,
        cast(sum(overage_amount) as decimal(38, 12)) as overage_amount
    from dated
    group by contract_id, bill_date, line_key, grant_id, step_no, drawn_on, currency

)

select * from final
