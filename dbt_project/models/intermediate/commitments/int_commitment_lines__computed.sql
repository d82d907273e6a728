with windows as (

    select * from {{ ref('int_commitments__windowed') }}
    where committed_amount is not null

),

settled_windows as (

    select * from {{ ref('int_commitment_windows__settled') }}

),

charge_lines as (

    select * from {{ ref('int_charge_lines__rounded') }}

),

prepaid as (

    select * from {{ ref('int_prepaid__windowed') }}

),

applies_to as (

    select * from {{ ref('stg_contracts__applies_to') }}
    where owner_kind = 'commitment'

),

run as (

    select {{ as_of() }} as as_of

),

-- A window still open cannot have fallen short.
closed_windows as (

    select windows.*
    from windows
    cross join run
    where windows.bill_date <= run.as_of

),

scopes as (

    {{ term_scopes('commitment_id') }}

),

spent as (

    select
        closed_windows.contract_id,
        closed_windows.commitment_id,
        closed_windows.window_from,
        cast(sum(charge_lines.amount) as decimal(38, 12)) as amount,
        cast(coalesce(sum(charge_lines.amount) filter (where charge_lines.line_kind = 'usage'), 0) as decimal(38, 12))
            as usage_amount,
        cast(coalesce(sum(charge_lines.amount) filter (where charge_lines.line_kind = 'minimum'), 0) as decimal(38, 12))
            as minimum_amount
    from closed_windows
    inner join charge_lines
        on closed_windows.contract_id = charge_lines.contract_id
        -- What was billed ahead belongs to the window it serves; what is billed behind, to the one its bill closes.
        and case
            when charge_lines.timing = 'advance'
                then
                    charge_lines.service_from >= closed_windows.window_from
                    and charge_lines.service_from < closed_windows.window_to
            else
                charge_lines.bill_date > closed_windows.window_from
                and charge_lines.bill_date <= closed_windows.window_to
        end
    left join scopes
        on closed_windows.contract_id = scopes.contract_id
        and closed_windows.version = scopes.version
        and closed_windows.commitment_id = scopes.commitment_id
    where {{ in_scope('scopes.targets', 'charge_lines') }}
    group by closed_windows.contract_id, closed_windows.commitment_id, closed_windows.window_from

),

compared as (

    select
        closed_windows.*,
        coalesce(case closed_windows.kind when 'windowed' then spent.usage_amount else spent.amount end, 0)
            as spent_amount,
        -- A charge's minimum counts towards what was committed, and is no usage above it.
        coalesce(
            case closed_windows.kind
                when 'windowed' then spent.usage_amount + spent.minimum_amount
                else spent.amount
            end,
            0
        ) as paid_amount,
        coalesce(closed_windows.overage_factor, 1) - 1 as surcharge
    from closed_windows
    left join spent
        on closed_windows.contract_id = spent.contract_id
        and closed_windows.commitment_id = spent.commitment_id
        and closed_windows.window_from = spent.window_from

),

excess as (

    select
        *,
        spent_amount - committed_amount as excess_amount
    from compared

),

shortfalls as (

    select
        *,
        'true_up' as line_kind,
        cast({{ true_up('committed_amount', 'paid_amount') }} as decimal(38, 12)) as unrounded_amount
    from excess
    where
        paid_amount < committed_amount
        and case when kind = 'minimum_spend' then coalesce(true_up, true) else coalesce(true_up, false) end

),

overages as (

    select
        *,
        'overage' as line_kind,
        {{ multiply('excess_amount', 'surcharge') }} as unrounded_amount
    from excess
    where kind = 'windowed' and spent_amount > committed_amount and surcharge <> 0

),

-- By day or hour: one overage and one true-up line for all windows of a bill.
window_settlements as (

    select
        contract_id,
        commitment_id,
        bill_date,
        line_kind,
        max(version) as version,
        min(part_from) as window_from,
        max(part_to) as window_to,
        any_value(currency) as currency,
        arg_max(rounding_places, part_from) as rounding_places,
        arg_max(rounding_mode, part_from) as rounding_mode,
        cast(sum(adjustment) as decimal(38, 12)) as unrounded_amount
    from settled_windows
    group by contract_id, commitment_id, bill_date, line_kind

),

settlements as (

    select * from shortfalls
    union all by name
    select * from overages
    union all by name
    select * from window_settlements

),

lines as (

    select
        contract_id,
        bill_date,
        'arrears' as timing,
        commitment_id,
        line_kind,
        window_from as service_from,
        window_to as service_to,
        unrounded_amount,
        {{ round_amount('unrounded_amount', 'rounding_places', 'rounding_mode') }} as amount,
        currency,
        version
    from settlements

    union all

    select
        contract_id,
        bill_date,
        'advance' as timing,
        commitment_id,
        'prepaid' as line_kind,
        window_from as service_from,
        -- Open-ended credit has no service end of its own; it is shown over the day it is granted.
        case
            when time_window <> 'contract' then window_to
            else coalesce(
                cast(timezone(timezone, timezone('UTC', expires_at)) as date),
                case when window_to < date '9999-12-31' then window_to end,
                window_from + 1
            )
        end as service_to,
        unrounded_amount,
        amount,
        currency,
        version
    from prepaid

),

final as (

    select
        concat_ws('/', contract_id, bill_date, commitment_id, line_kind, service_from) as line_key,
        cast(null as varchar) as parent_line_key,
        contract_id,
        bill_date,
        timing,
        commitment_id as charge_id,
        commitment_id as reference_id,
        line_kind,
        cast(null as varchar) as product,
        cast(null as varchar) as meter,
        '{}' as group_key,
        service_from,
        service_to,
        cast(1 as decimal(38, 12)) as quantity,
        'each' as unit,
        unrounded_amount,
        amount,
        currency,
        version as price_version,
        cast(null as varchar) as original_period
    from lines
    where amount <> 0 or unrounded_amount <> 0

)

select * from final
