with cases as (

    select * from {{ ref('cases_stated') }}

),

wallet_cases as (

    select * from cases
    where op = 'wallet_allocate'

),

wallets as materialized (

    select * from {{ ranked_wallets('wallet_cases') }}

),

slices as materialized (

    select
        case_id as wallet_key,
        case_id || '/' || item_no as slice_key,
        item_no as slice_order,
        {{ text_of('item', 'kind') }} as line_kind,
        {{ number_of('item', 'amount') }} + coalesce({{ number_of('item', 'tax') }}, 0) as drawable
    from {{ items('wallet_cases', "(inputs -> '$.lines')") }}

),

eligible as materialized (

    select * from {{ wallets_of_lines('wallets', 'slices') }}

),

turns as materialized (

    select * from {{ wallet_turns('wallets') }}

),

drawn as materialized (

    select
        slices.wallet_key as case_id,
        burned.grant_id,
        burned.drawn_amount
    from {{ draw_credits('slices', 'turns', 'eligible') }} as burned
    inner join slices on burned.slice_key = slices.slice_key

),

wallet_sums as (

    select
        wallets.case_id,
        wallets.item_no,
        wallets.wallet_id,
        wallets.balance,
        coalesce(sum(drawn.drawn_amount), 0) as applied
    from wallets
    left join drawn
        on wallets.case_id = drawn.case_id
        and wallets.wallet_id = drawn.grant_id
    group by wallets.case_id, wallets.item_no, wallets.wallet_id, wallets.balance

),

owed as (

    select
        wallet_key as case_id,
        sum(drawable) as owed
    from slices
    group by wallet_key

),

applied_sums as (

    select
        case_id,
        sum(applied) as applied_total,
        {{ figure_map('wallet_id', 'applied') }} as applied,
        {{ figure_map('wallet_id', 'balance - applied') }} as balances
    from wallet_sums
    group by case_id

),

wallet_figures as (

    select
        wallet_cases.case_id,
        json_object(
            'applied', coalesce(applied_sums.applied, '{}'),
            'balances', coalesce(applied_sums.balances, '{}'),
            'total', {{ figure('coalesce(applied_sums.applied_total, 0)') }},
            'remaining', {{ figure('coalesce(owed.owed, 0) - coalesce(applied_sums.applied_total, 0)') }}
        ) as figures
    from wallet_cases
    left join applied_sums on wallet_cases.case_id = applied_sums.case_id
    left join owed on wallet_cases.case_id = owed.case_id

),

stated_credits as (

    select
        *,
        {{ number_of('inputs', 'credits') }} as credits,
        coalesce({{ number_of('inputs', 'rate') }}, {{ number_of('inputs', 'conversion_rate') }}) as rate
    from cases
    where op = 'credits_to_money'

),

converted as (

    select
        *,
        {{ multiply('credits', 'rate') }} as amount
    from stated_credits

),

money as (

    select
        case_id,
        json_object('amount', {{ figure(rounded('amount')) }}) as figures
    from converted

),

final as (

    select * from wallet_figures
    union all
    select * from money

)

select * from final
