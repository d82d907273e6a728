with charges as (

    select
        agreement_id,
        concat_ws('/', agreement_id, term_id, cast(charge_time as date)) as charge_key,
        cast(charge_time as date) as charged_on,
        amount,
        currency_code as currency
    from {{ ref('int_agreement_charges__resolved') }}
    where valid_to = timestamp '2999-01-01 00:00:00' and amount <> 0

),

lines as (

    select
        line_key,
        agreement_id,
        currency,
        invoice_date,
        gross
    from {{ ref('int_marketplace_lines__measured') }}
    where gross <> 0

),

-- An invoice a few days early is still this instalment's; another amount is, only when it comes at its date.
pairs as (

    select
        charges.charge_key,
        lines.line_key,
        charges.amount <> lines.gross as is_other_amount,
        abs(date_diff('day', charges.charged_on, lines.invoice_date)) as days_apart
    from charges
    inner join lines
        on charges.agreement_id = lines.agreement_id
        and charges.currency = lines.currency
        and lines.invoice_date >= charges.charged_on - 5
        and lines.invoice_date <= charges.charged_on + 62
    where charges.amount = lines.gross or lines.invoice_date <= charges.charged_on + 7

),

ranked as (

    select
        *,
        row_number() over (partition by charge_key order by is_other_amount, days_apart, line_key) as line_rank,
        row_number() over (partition by line_key order by is_other_amount, days_apart, charge_key) as charge_rank
    from pairs

),

-- Only where each is the other's nearest: an instalment that is missing does not take the next one's invoice.
mutual as (

    select
        charge_key,
        line_key
    from ranked
    where line_rank = 1 and charge_rank = 1

),

final as (

    select
        charges.charge_key,
        charges.agreement_id,
        charges.charged_on,
        charges.amount,
        charges.currency,
        mutual.line_key
    from charges
    left join mutual on charges.charge_key = mutual.charge_key

)

select * from final
