with entitlements as (

    select * from {{ ref('int_controls__entitlements') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

-- An adjustment bills as what it corrects does, unless it gives back.
lines as (

    select draft_lines.* replace ({{ priced_kind('draft_lines') }} as line_kind)
    from {{ ref('fct_draft_invoice_lines') }} as draft_lines
    where
        {{ priced_kind('draft_lines') }} in ('usage', 'recurring')
        and draft_lines.service_from < draft_lines.service_to
        and (draft_lines.line_kind <> 'adjustment' or draft_lines.amount > 0)

),

periods as (

    select distinct
        contract_id,
        timezone
    from {{ ref('int_contracts__billing_periods') }}
    qualify row_number() over (partition by contract_id order by period_from desc) = 1

),

currencies as (

    select * from {{ ref('currencies') }}

),

-- A row without a contract counts for every contract of its account.
contract_intervals as (

    select distinct
        drafts.contract_id,
        entitlements.status,
        entitlements.provisioned_from,
        entitlements.provisioned_to
    from drafts
    inner join entitlements
        on drafts.contract_id = entitlements.contract_id
        or (entitlements.contract_id is null and drafts.account_id = entitlements.account_id)
    where entitlements.provisioned_from < entitlements.provisioned_to

),

-- Overlapping intervals are merged, so that no day counts twice.
islands as (

    select
        *,
        case
            when provisioned_from <= max(provisioned_to) over (
                partition by contract_id
                order by provisioned_from, provisioned_to rows between unbounded preceding and 1 preceding
            ) then 0
            else 1
        end as is_start
    from contract_intervals

),

numbered as (

    select
        *,
        sum(is_start) over (partition by contract_id order by provisioned_from, provisioned_to) as island_no
    from islands

),

merged as (

    select
        contract_id,
        min(provisioned_from) as provisioned_from,
        max(provisioned_to) as provisioned_to
    from numbered
    group by contract_id, island_no

),

judged as (

    select
        drafts.close_period as period,
        drafts.selling_entity,
        drafts.channel,
        drafts.account_id,
        drafts.contract_id,
        drafts.document_id,
        lines.line_no,
        lines.line_kind,
        lines.charge_id,
        lines.group_key,
        lines.service_from,
        lines.service_to,
        lines.amount,
        lines.currency,
        date_diff('day', lines.service_from, lines.service_to) as line_days
    from lines
    inner join drafts on lines.document_id = drafts.document_id
    -- A suspension alone says when service paused, not when it was there: nothing to compare with.
    where
        drafts.contract_id in (
            select contract_intervals.contract_id
            from contract_intervals
            where contract_intervals.status = 'provisioned'
        )

),

population as (

    select
        period,
        selling_entity,
        channel,
        currency,
        amount
    from judged

),

covered as (

    select
        judged.document_id,
        judged.line_no,
        sum(
            date_diff(
                'day',
                greatest(judged.service_from, merged.provisioned_from),
                least(judged.service_to, merged.provisioned_to)
            )
        ) as days
    from judged
    inner join merged
        on judged.contract_id = merged.contract_id
        and judged.service_from < merged.provisioned_to
        and judged.service_to > merged.provisioned_from
    group by judged.document_id, judged.line_no

),

suspects as (

    select
        judged.*,
        judged.line_days - coalesce(covered.days, 0) as outside_days
    from judged
    left join covered
        on judged.document_id = covered.document_id
        and judged.line_no = covered.line_no
    where judged.line_days > coalesce(covered.days, 0)

),

-- Days are local to the contract, buckets are UTC.
timed_suspects as (

    select
        suspects.*,
        {{ local_midnight('suspects.service_from', 'periods.timezone') }} as service_from_at,
        {{ local_midnight('suspects.service_to', 'periods.timezone') }} as service_to_at
    from suspects
    inner join periods on suspects.contract_id = periods.contract_id
    where suspects.line_kind = 'usage'

),

timed_intervals as (

    select
        merged.contract_id,
        {{ local_midnight('merged.provisioned_from', 'periods.timezone') }} as provisioned_from_at,
        {{ local_midnight('merged.provisioned_to', 'periods.timezone') }} as provisioned_to_at
    from merged
    inner join periods on merged.contract_id = periods.contract_id

),

usage_outside as (

    select
        timed_suspects.document_id,
        timed_suspects.line_no,
        sum(attributed.quantity_sum) as quantity,
        sum(
            case
                when
                    exists (
                        select 1
                        from timed_intervals
                        where
                            timed_intervals.contract_id = attributed.contract_id
                            and attributed.bucket_from >= timed_intervals.provisioned_from_at
                            and attributed.bucket_from < timed_intervals.provisioned_to_at
                    )
                    then 0
                else attributed.quantity_sum
            end
        ) as outside_quantity
    from timed_suspects
    inner join {{ ref('int_usage__attributed') }} as attributed
        on timed_suspects.contract_id = attributed.contract_id
        and timed_suspects.charge_id = attributed.charge_id
        and timed_suspects.group_key = attributed.group_key
        and attributed.bucket_from >= timed_suspects.service_from_at
        and attributed.bucket_from < timed_suspects.service_to_at
    where attributed.measure = 'quantity'
    group by timed_suspects.document_id, timed_suspects.line_no

),

-- A recurring line counts by its days outside, a usage line by its quantity outside.
valued as (

    select
        suspects.*,
        usage_outside.outside_quantity,
        case
            when suspects.line_kind = 'recurring'
                then {{ multiply_divide('suspects.amount', 'suspects.outside_days', 'suspects.line_days') }}
            when usage_outside.quantity = 0 then 0
            else {{ multiply_divide('suspects.amount', 'usage_outside.outside_quantity', 'usage_outside.quantity') }}
        end as exact_amount
    from suspects
    left join usage_outside
        on suspects.document_id = usage_outside.document_id
        and suspects.line_no = usage_outside.line_no

),

found as (

    select
        valued.*,
        {{ round_amount('valued.exact_amount', 'currencies.minor_digits') }} as outside_amount
    from valued
    inner join currencies on valued.currency = currencies.currency
    where valued.exact_amount <> 0

),

violations as (

    select
        period,
        selling_entity,
        channel,
        document_id as violation_key,
        'B02' as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        sum(outside_amount) as amount,
        currency,
        'over_billed' as direction,
        null as suggested_cause,
        json_object(
            'document_id', document_id,
            'lines', list(
                json_object(
                    'line_no', line_no, 'charge_id', charge_id, 'days_outside', outside_days,
                    'quantity_outside', cast(outside_quantity as varchar), 'amount', cast(outside_amount as varchar)
                )
                order by line_no
            )
        ) as evidence
    from found
    group by period, selling_entity, channel, document_id, account_id, contract_id, currency

),

{{ control_rows('PRV-03') }}
