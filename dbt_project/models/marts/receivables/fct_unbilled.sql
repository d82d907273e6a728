with lines as (

    select * from {{ ref('int_invoice_lines__collected') }}

),

documents as (

    select * from {{ ref('int_documents__totalled') }}

),

issued_documents as (

    select * from {{ ref('stg_ledger__issued_documents') }}
    where voided_on is null

),

issued_lines as (

    select * from {{ ref('stg_ledger__issued_lines') }}

),

shut as (

    select * from {{ ref('int_periods__shut') }}

),

run as (

    select {{ as_of() }} as as_of

),

-- Tax is no revenue and a prepayment no service. Of a period still open only the usage has happened.
rated_lines as (

    select
        lines.contract_id,
        lines.bill_date,
        lines.charge_id,
        lines.group_key,
        lines.service_from,
        lines.service_to,
        lines.currency,
        lines.amount as rated_amount,
        cast(0 as decimal(38, 12)) as billed_amount,
        cast(0 as decimal(38, 12)) as credit_amount
    from lines
    left join lines as parents on lines.parent_line_key = parents.line_key
    cross join run
    where
        {{ priced_kind('lines') }} not in ('tax', 'prepaid')
        and coalesce({{ priced_kind('parents') }}, '') <> 'prepaid'
        -- what an adjustment corrects has been used, whenever its bill falls due
        and (
            lines.bill_date <= run.as_of
            or coalesce(parents.line_kind, lines.line_kind) in ('usage', 'adjustment')
        )

),

billed_lines as (

    select
        issued_documents.contract_id,
        issued_documents.bill_date,
        issued_lines.charge_id,
        issued_lines.group_key,
        issued_lines.service_from,
        issued_lines.service_to,
        issued_lines.currency,
        cast(0 as decimal(38, 12)) as rated_amount,
        issued_lines.amount as billed_amount,
        case
            when issued_documents.is_correction and issued_documents.ordered = 'credit' then -issued_lines.amount
            else 0
        end as credit_amount
    from issued_lines
    inner join issued_documents on issued_lines.document_id = issued_documents.document_id
    left join issued_lines as parents
        on issued_lines.document_id = parents.document_id
        and issued_lines.parent_line_no = parents.line_no
    where
        {{ priced_kind('issued_lines') }} not in ('tax', 'prepaid')
        and coalesce({{ priced_kind('parents') }}, '') <> 'prepaid'

),

both_sides as (

    select * from rated_lines
    union all
    select * from billed_lines

),

summed as (

    select
        contract_id,
        bill_date,
        coalesce(charge_id, '') as charge_id,
        coalesce(group_key, '{}') as group_key,
        service_from,
        service_to,
        currency,
        cast(sum(rated_amount) as decimal(38, 12)) as rated_amount,
        cast(sum(billed_amount) as decimal(38, 12)) as billed_amount,
        sum(credit_amount) as credit_amount
    from both_sides
    group by all

),

-- A credit without a rebill gives revenue up: what it took is not waiting to be billed. As far as it took back what had
-- been billed too much it gave nothing up.
compared as (

    select
        * exclude (credit_amount),
        cast(case
            when credit_amount > 0 then least(credit_amount, greatest(rated_amount - billed_amount, 0))
            else greatest(credit_amount, least(rated_amount - billed_amount, 0))
        end as decimal(38, 12)) as credited_amount,
        cast(rated_amount - billed_amount - credited_amount as decimal(38, 12)) as unbilled_amount
    from summed

),

issued_dates as (

    select
        contract_id,
        bill_date,
        document_id,
        account_id,
        channel,
        selling_entity,
        close_period
    from issued_documents
    where is_correction is not true
    qualify row_number() over (partition by contract_id, bill_date order by revision desc, document_id) = 1

),

gathered as (

    select
        compared.contract_id,
        compared.bill_date,
        compared.charge_id,
        compared.group_key,
        compared.service_from,
        compared.service_to,
        coalesce(issued_dates.account_id, documents.account_id) as account_id,
        coalesce(issued_dates.channel, documents.channel) as channel,
        coalesce(issued_dates.selling_entity, documents.selling_entity) as selling_entity,
        coalesce(issued_dates.close_period, documents.close_period) as close_period,
        issued_dates.document_id as issued_document_id,
        compared.rated_amount,
        compared.billed_amount,
        compared.credited_amount,
        compared.unbilled_amount,
        compared.currency,
        case
            when issued_dates.document_id is not null then 'rated_after_issue'
            when compared.bill_date > run.as_of then 'not_due'
            when documents.total = 0 then 'nil'
            else 'held'
        end as reason,
        cast(greatest(date_diff('day', compared.service_to, run.as_of), 0) as integer) as age_days
    from compared
    cross join run
    left join documents
        on compared.contract_id = documents.contract_id
        and compared.bill_date = documents.bill_date
    left join issued_dates
        on compared.contract_id = issued_dates.contract_id
        and compared.bill_date = issued_dates.bill_date
    where compared.unbilled_amount <> 0

),

-- What comes to light after a month was locked belongs to the first one that is not.
final as (

    select
        gathered.* replace (
            {{ open_period('gathered.close_period', 'shut.locked_through') }} as close_period
        )
    from gathered
    left join shut on gathered.selling_entity = shut.selling_entity

)

select * from final
