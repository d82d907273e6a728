-- Delta re-rating: what a billed bill date's lines come to now, less everything billed for them so far.
with charge_lines as (

    select * from {{ ref('int_charge_lines__rounded') }}

),

commitment_lines as (

    select * from {{ ref('int_commitment_lines__computed') }}

),

billed_lines as (

    select * from {{ ref('int_billed_lines__standing') }}

),

billed as (

    select * from {{ ref('int_bill_dates__billed') }}

),

bill_dates as (

    select * from {{ ref('int_bill_dates__extended') }}

),

run as (

    select * from {{ source('raw', 'run_context') }}

),

rated_lines as (

    select {{ line_columns() }} from charge_lines
    union all
    select {{ line_columns() }} from commitment_lines

),

both_sides as (

    select
        rated_lines.contract_id,
        rated_lines.bill_date,
        rated_lines.charge_id,
        rated_lines.line_kind,
        rated_lines.group_key,
        rated_lines.service_from,
        rated_lines.service_to,
        rated_lines.timing,
        rated_lines.product,
        rated_lines.meter,
        rated_lines.unit,
        rated_lines.price_version,
        true as is_rated,
        rated_lines.quantity,
        rated_lines.unrounded_amount,
        rated_lines.amount,
        cast(0 as decimal(38, 12)) as credited_amount
    from rated_lines
    inner join billed
        on rated_lines.contract_id = billed.contract_id
        and rated_lines.bill_date = billed.bill_date

    union all

    select
        billed_lines.contract_id,
        billed_lines.priced_bill_date as bill_date,
        billed_lines.charge_id,
        billed_lines.priced_kind as line_kind,
        billed_lines.group_key,
        billed_lines.service_from,
        billed_lines.service_to,
        billed_lines.timing,
        billed_lines.product,
        billed_lines.meter,
        billed_lines.unit,
        billed_lines.price_version,
        false as is_rated,
        billed_lines.quantity,
        billed_lines.unrounded_amount,
        billed_lines.amount,
        billed_lines.credited_amount
    from billed_lines
    -- Adjustments of a bill date that is drafted again are taken into its new draft.
    inner join billed
        on billed_lines.contract_id = billed.contract_id
        and billed_lines.priced_bill_date = billed.bill_date

),

-- The terms that govern the line now describe it; where it is gone, those it was billed on.
summed as (

    select
        contract_id,
        bill_date,
        charge_id,
        line_kind,
        group_key,
        service_from,
        service_to,
        arg_max(timing, (is_rated, price_version)) as timing,
        arg_max(product, (is_rated, price_version)) as product,
        arg_max(meter, (is_rated, price_version)) as meter,
        arg_max(unit, (is_rated, price_version)) as unit,
        arg_max(price_version, (is_rated, price_version)) as price_version,
        coalesce(sum(quantity) filter (where is_rated), 0) as rated_quantity,
        coalesce(sum(quantity) filter (where not is_rated), 0) as billed_quantity,
        bool_and(quantity is null) as is_unmeasured,
        sum(case when is_rated then unrounded_amount else -unrounded_amount end) as unrounded_amount,
        coalesce(sum(amount) filter (where is_rated), 0) as rated_amount,
        coalesce(sum(amount) filter (where not is_rated), 0) as billed_amount,
        sum(credited_amount) as credited_amount
    from both_sides
    group by contract_id, bill_date, charge_id, line_kind, group_key, service_from, service_to

),

compared as (

    select
        *,
        rated_amount - billed_amount + credited_amount as open_amount
    from summed

),

-- A credit without a rebill gives revenue up: what it took back is not billed again. As far as it took back what had
-- been billed too much it closes that.
differing as (

    select
        * exclude (open_amount),
        cast(case
            when credited_amount > 0 then open_amount - least(credited_amount, greatest(open_amount, 0))
            else open_amount - greatest(credited_amount, least(open_amount, 0))
        end as decimal(38, 12)) as amount
    from compared

),

last_billed as (

    select
        contract_id,
        max(bill_date) as bill_date
    from billed
    group by contract_id

),

-- The earliest bill date that nothing is issued for; it moves on until it is issued.
next_bills as (

    select
        bill_dates.contract_id,
        bill_dates.bill_date,
        bill_dates.account_id,
        bill_dates.channel,
        bill_dates.selling_entity,
        bill_dates.currency
    from bill_dates
    inner join last_billed
        on bill_dates.contract_id = last_billed.contract_id
        and bill_dates.bill_date > last_billed.bill_date
    qualify row_number() over (partition by bill_dates.contract_id order by bill_dates.bill_date) = 1

),

-- Another account, seller, channel or currency cannot be billed for it: such a difference stands until a credit and
-- rebill, and so does whatever policy or size keeps off the next document.
placed as (

    select
        differing.*,
        billed.document_id,
        billed.natural_period,
        billed.currency,
        case
            when
                coalesce(run.late_usage, 'adjust') = 'adjust'
                and coalesce(abs(sum(differing.amount) over by_bill_date) <= run.rebill_above, true)
                and next_bills.account_id = billed.account_id
                and next_bills.channel = billed.channel
                and next_bills.selling_entity = billed.selling_entity
                and next_bills.currency = billed.currency
                then next_bills.bill_date
        end as target_bill_date
    from differing
    cross join run
    inner join billed
        on differing.contract_id = billed.contract_id
        and differing.bill_date = billed.bill_date
    left join next_bills on differing.contract_id = next_bills.contract_id
    where differing.amount <> 0
    window by_bill_date as (partition by differing.contract_id, differing.bill_date)

),

final as (

    select
        concat_ws(
            '/', contract_id, coalesce(target_bill_date, bill_date), 'adjustment', bill_date, charge_id, line_kind,
            service_from, service_to, group_key
        ) as line_key,
        cast(null as varchar) as parent_line_key,
        contract_id,
        target_bill_date as bill_date,
        timing,
        charge_id,
        {{ adjustment_reference('document_id', 'line_kind') }} as reference_id,
        'adjustment' as line_kind,
        product,
        meter,
        group_key,
        service_from,
        service_to,
        case
            when not is_unmeasured then cast(rated_quantity - billed_quantity as decimal(38, 12))
        end as quantity,
        unit,
        cast(unrounded_amount as decimal(38, 12)) as unrounded_amount,
        amount,
        currency,
        price_version,
        natural_period as original_period,
        line_kind as priced_kind,
        bill_date as priced_bill_date,
        document_id as corrected_document_id,
        cast(rated_quantity as decimal(38, 12)) as rated_quantity,
        cast(billed_quantity as decimal(38, 12)) as billed_quantity,
        cast(rated_amount as decimal(38, 12)) as rated_amount,
        cast(billed_amount as decimal(38, 12)) as billed_amount,
        cast(credited_amount as decimal(38, 12)) as credited_amount
    from placed

)

select * from final
