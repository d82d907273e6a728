with charges as (

    select * from {{ ref('int_charges__in_force') }}
    where type = 'one_time'

),

versioned as (

    select * from {{ ref('int_contracts__versioned') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__listed') }}

),

price_cells as (

    select * from {{ ref('stg_contracts__price_cells') }}
    where cell_no = 0

),

due as (

    select
        charges.*,
        versioned.rounding_places,
        versioned.rounding_mode,
        greatest(coalesce(charges.due_on, versioned.starts_on, charges.segment_from), charges.segment_from) as due_from
    from charges
    inner join versioned
        on charges.contract_id = versioned.contract_id
        and charges.version = versioned.version

),

-- Billed once, on the terms in force on the day it falls due, however many versions repeat it.
first_due as (

    select * from due
    where due_from < segment_to
    qualify row_number() over (partition by contract_id, charge_id order by due_from, segment_from) = 1

),

placed as (

    select
        first_due.*,
        bill_dates.bill_date,
        bill_dates.currency
    from first_due
    inner join bill_dates
        on first_due.contract_id = bill_dates.contract_id
        and first_due.due_from <= bill_dates.bill_date
    qualify row_number() over (
        partition by first_due.contract_id, first_due.charge_id order by bill_dates.bill_date
    ) = 1

),

priced as (

    select
        placed.*,
        coalesce(placed.quantity, 1) as priced_quantity,
        price_cells.amount as flat_amount,
        price_cells.unit_price,
        coalesce(price_cells.per, 1) as per
    from placed
    inner join price_cells
        on placed.contract_id = price_cells.contract_id
        and placed.version = price_cells.version
        and placed.charge_id = price_cells.charge_id
    where placed.model in ('flat', 'unit')

),

amounts as (

    select
        *,
        cast(case
            when model = 'flat' then flat_amount
            else {{ multiply_divide('priced_quantity', 'unit_price', 'per') }}
        end as decimal(38, 12)) as unrounded_amount
    from priced

),

final as (

    select
        concat_ws('/', contract_id, bill_date, charge_id, 'one_time', due_from) as line_key,
        cast(null as varchar) as parent_line_key,
        contract_id,
        bill_date,
        'advance' as timing,
        charge_id,
        cast(null as varchar) as reference_id,
        'one_time' as line_kind,
        product,
        cast(null as varchar) as meter,
        '{}' as group_key,
        due_from as service_from,
        due_from + 1 as service_to,
        cast(case when model = 'flat' then 1 else priced_quantity end as decimal(38, 12)) as quantity,
        'each' as unit,
        unrounded_amount,
        {{ round_amount('unrounded_amount', 'rounding_places', 'rounding_mode') }} as amount,
        currency,
        price_version,
        cast(null as varchar) as original_period
    from amounts
    where unrounded_amount is not null

)

select * from final
