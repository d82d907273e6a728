with cuts as (

    select * from {{ ref('int_controls__price_cuts') }}

),

bands as (

    select * from {{ ref('int_controls__price_bands') }}

),

approvals as (

    select * from {{ ref('stg_ledger__approvals') }}

),

drafts as (

    select * from {{ ref('fct_draft_invoices') }}

),

draft_lines as (

    select * from {{ ref('fct_draft_invoice_lines') }}

),

lines as (

    select * from draft_lines
    where {{ priced_kind('draft_lines') }} in ('usage', 'recurring', 'one_time')

),

converted as (

    select * from {{ ref('int_usage__credited') }}

),

currencies as (

    select * from {{ ref('currencies') }}

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
        lines.amount,
        lines.currency,
        lines.price_version
    from lines
    inner join drafts on lines.document_id = drafts.document_id

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

unapproved as (

    select *
    from cuts
    where
        not exists (
            select 1
            from approvals
            where
                approvals.what = 'price_override'
                and approvals.contract_id = cuts.contract_id
                and approvals.version = cuts.version
                and coalesce(approvals.charge_id, cuts.charge_id) = cuts.charge_id
        )

),

affected as (

    select
        judged.*,
        unapproved.prior_version,
        unapproved.cell_no,
        unapproved.prior_cell_no,
        converted.billable_quantity as quantity
    from judged
    inner join unapproved
        on judged.contract_id = unapproved.contract_id
        and judged.charge_id = unapproved.charge_id
        and judged.price_version = unapproved.version
    left join converted
        on judged.line_kind = 'usage'
        and judged.contract_id = converted.contract_id
        and judged.charge_id = converted.charge_id
        and judged.service_from = converted.service_from
        and judged.group_key = converted.group_key
        and unapproved.cell_no = converted.cell_no
    where
        judged.line_kind <> 'adjustment'
        and (judged.line_kind <> 'usage' or converted.billable_quantity is not null)

),

banded as (

    select
        affected.*,
        bands.version = affected.prior_version as is_prior,
        bands.model,
        bands.tier_no,
        bands.per,
        bands.unit_price,
        bands.flat_price,
        bands.rate_percent,
        bands.multiplier,
        bands.package_price,
        case
            when affected.line_kind <> 'usage' then coalesce(bands.amount, bands.unit_price)
        end as period_price,
        case
            when bands.model = 'volume'
                then
                    case
                        when
                            affected.quantity > bands.from_quantity
                            and affected.quantity <= coalesce(bands.up_to, affected.quantity)
                            then affected.quantity
                        else 0
                    end
            when bands.model in ('unit', 'graduated')
                then
                    greatest(
                        least(affected.quantity, coalesce(bands.up_to, affected.quantity)) - bands.from_quantity, 0
                    )
            else affected.quantity
        end as band_quantity,
        {{ package_count('affected.quantity', 'bands.package_size', 'bands.free_units', 'bands.package_rounding') }}
            as packages
    from affected
    inner join bands
        on affected.contract_id = bands.contract_id
        and affected.charge_id = bands.charge_id
        and (
            (affected.price_version = bands.version and affected.cell_no = bands.cell_no)
            or (affected.prior_version = bands.version and affected.prior_cell_no = bands.cell_no)
        )

),

-- What the same quantity makes at the old and at the new price, band by band.
priced_bands as (

    select
        document_id,
        line_no,
        cell_no,
        is_prior,
        case
            when line_kind <> 'usage' then period_price
            when model in ('unit', 'graduated', 'volume')
                then
                    {{ multiply_divide('band_quantity', 'unit_price', 'per') }}
                    + case when band_quantity > 0 then coalesce(flat_price, 0) else 0 end
            when model = 'package' then {{ multiply('packages', 'package_price') }}
            when model = 'percentage' then {{ multiply_divide('band_quantity', 'rate_percent', '100') }}
            when model = 'dynamic' then {{ multiply('band_quantity', 'multiplier') }}
        end as amount
    from banded

),

repriced as (

    select
        document_id,
        line_no,
        cell_no,
        -- one band without an amount leaves the whole unknown
        case
            when bool_and(amount is not null) filter (where is_prior) then sum(amount) filter (where is_prior)
        end as old_amount,
        case
            when bool_and(amount is not null) filter (where not is_prior) then sum(amount) filter (where not is_prior)
        end as new_amount,
        count(*) as band_count
    from priced_bands
    group by document_id, line_no, cell_no

),

compared as (

    select
        affected.*,
        repriced.band_count,
        repriced.old_amount,
        repriced.new_amount,
        repriced.old_amount - repriced.new_amount as difference
    from affected
    inner join repriced
        on affected.document_id = repriced.document_id
        and affected.line_no = repriced.line_no
        and affected.cell_no = repriced.cell_no

),

-- A recurring line is scaled by its unit price: proration and seats stay what they are.
repriced_lines as (

    select
        * exclude (old_amount, new_amount),
        case
            when line_kind = 'usage' then old_amount
            when band_count = 2 then amount + {{ multiply_divide('amount', 'difference', 'new_amount') }}
        end as old_amount,
        case when line_kind = 'usage' then new_amount else amount end as new_amount
    from compared
    where difference > 0 or difference is null

),

-- Lines are billed rounded, so the effect is that of the rounded lines. Where it cannot be told the document is held
-- all the same, without an amount.
line_sums as (

    select
        period,
        selling_entity,
        channel,
        account_id,
        contract_id,
        document_id,
        line_no,
        charge_id,
        price_version,
        prior_version,
        currency,
        sum(old_amount) as old_amount,
        sum(new_amount) as new_amount
    from repriced_lines
    group by all

),

rounded_lines as (

    select
        line_sums.*,
        {{ round_amount('line_sums.old_amount', 'currencies.minor_digits') }}
        - {{ round_amount('line_sums.new_amount', 'currencies.minor_digits') }} as effect
    from line_sums
    inner join currencies on line_sums.currency = currencies.currency

),

-- A price cut dated back over a billed period: what its adjustment takes back.
adjusted_lines as (

    select
        judged.period,
        judged.selling_entity,
        judged.channel,
        judged.account_id,
        judged.contract_id,
        judged.document_id,
        judged.line_no,
        judged.charge_id,
        judged.price_version,
        versions.prior_version,
        judged.currency,
        cast(nullif(greatest(-judged.amount, 0), 0) as decimal(38, 12)) as effect
    from judged
    inner join (
        select distinct
            contract_id,
            charge_id,
            version,
            prior_version
        from unapproved
    ) as versions
        on judged.contract_id = versions.contract_id
        and judged.charge_id = versions.charge_id
        and judged.price_version = versions.version
    where judged.line_kind = 'adjustment'

),

effects as (

    select * exclude (old_amount, new_amount) from rounded_lines
    union all by name
    select * from adjusted_lines

),

violations as (

    select
        period,
        selling_entity,
        channel,
        concat_ws('/', document_id, charge_id, price_version) as violation_key,
        'B05' as code,
        account_id,
        contract_id,
        document_id,
        true as holds,
        sum(effect) as amount,
        currency,
        'under_billed' as direction,
        null as suggested_cause,
        json_object(
            'document_id', document_id, 'charge_id', charge_id, 'version', price_version,
            'prior_version', prior_version, 'lines', list(line_no order by line_no)
        ) as evidence
    from effects
    group by
        period, selling_entity, channel, account_id, contract_id, document_id, charge_id, price_version,
        prior_version, currency

),

{{ control_rows('RAT-03') }}
