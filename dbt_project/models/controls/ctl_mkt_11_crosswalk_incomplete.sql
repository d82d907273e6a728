with contracts as (

    select * from {{ ref('int_marketplace_contracts__current') }}

),

crosswalk as (

    select * from {{ ref('int_agreements__crosswalked') }}

),

current_agreements as (

    select * from {{ ref('int_agreements__current') }}

),

accounts as (

    select
        account_id,
        arg_max(aws_account_id, valid_from) as aws_account_id
    from {{ ref('int_accounts__resolved') }}
    group by account_id

),

reconciliation as (

    select * from {{ ref('fct_reconciliation') }}

),

-- Rows of the feeds that no agreement claims; judged with or without contracts.
reconciled as (

    select *
    from reconciliation
    where
        -- A contract that names the agreement speaks for all of its lines, below.
        (reconciliation_id = 'R06' and comparison = 'agreement' and contract_id is null)
        or (reconciliation_id = 'R07' and comparison = 'unidentified_usage')
        or (reconciliation_id in ('R07', 'R08') and comparison = 'usage' and break_code = 'B15')

),

{{ reconciled_control(direction="'none'", population='unclaimed', violations='unclaimed_violations') }},

-- The rest only says something once both sides have landed.
landed as (

    select
        (select count(*) from contracts) > 0 as has_contracts,
        (select count(*) from current_agreements) > 0 as has_agreements,
        (select min(contracts.starts_on) from contracts) as first_start

),

agreements as (

    select
        current_agreements.agreement_id,
        {{ month_of('coalesce(current_agreements.start_time, current_agreements.valid_from)') }} as period,
        crosswalk.selling_entity,
        crosswalk.contract_id,
        crosswalk.account_id,
        crosswalk.currency,
        crosswalk.contract_value,
        contracts.customer_account_id,
        accounts.aws_account_id as acceptor_account
    from current_agreements
    cross join landed
    inner join crosswalk on current_agreements.agreement_id = crosswalk.agreement_id
    left join contracts on crosswalk.contract_id = contracts.contract_id
    left join accounts on current_agreements.acceptor_account_id = accounts.account_id
    where
        landed.has_contracts
        and current_agreements.is_effective
        and coalesce(current_agreements.end_time, timestamp '9999-12-31') >= landed.first_start

),

population as (

    select * from unclaimed
    union all
    select
        period,
        selling_entity,
        'aws_marketplace' as channel,
        currency,
        contract_value as amount
    from agreements

),

without_contract as (

    select
        period,
        selling_entity,
        'aws_marketplace' as channel,
        'agreement/' || agreement_id as violation_key,
        account_id,
        contract_id,
        contract_value as amount,
        currency,
        'AWS has an agreement that no landed contract names.' as suggested_cause,
        json_object('agreement_id', agreement_id, 'acceptor', acceptor_account) as evidence
    from agreements
    where contract_id is null

),

without_agreement as (

    select
        {{ month_of('contracts.starts_on') }} as period,
        contracts.selling_entity,
        contracts.channel,
        'contract/' || contracts.contract_id as violation_key,
        contracts.account_id,
        contracts.contract_id,
        cast(null as decimal(38, 12)) as amount,
        contracts.currency,
        'The contract names no agreement, or one that is not in the agreement feed.' as suggested_cause,
        json_object('contract_id', contracts.contract_id, 'agreement_id', contracts.agreement_id) as evidence
    from contracts
    cross join landed
    left join current_agreements on contracts.agreement_id = current_agreements.agreement_id
    -- A new agreement reaches the feed within two days.
    where
        landed.has_agreements
        and current_agreements.agreement_id is null
        and contracts.starts_on < {{ as_of() }} - 2

),

two_contracts as (

    select
        {{ month_of('max(contracts.starts_on)') }} as period,
        min(contracts.selling_entity) as selling_entity,
        min(contracts.channel) as channel,
        'contracts of ' || contracts.agreement_id as violation_key,
        min(contracts.account_id) as account_id,
        min(contracts.contract_id) as contract_id,
        cast(null as decimal(38, 12)) as amount,
        min(contracts.currency) as currency,
        'Two contracts name the same agreement.' as suggested_cause,
        json_object(
            'agreement_id', contracts.agreement_id, 'contracts', list_sort(list(contracts.contract_id))
        ) as evidence
    from contracts
    where contracts.agreement_id is not null
    group by contracts.agreement_id
    having count(*) > 1

),

two_accounts as (

    select
        {{ month_of('max(contracts.starts_on)') }} as period,
        min(contracts.selling_entity) as selling_entity,
        min(contracts.channel) as channel,
        'accounts of ' || contracts.customer_account_id as violation_key,
        min(contracts.account_id) as account_id,
        min(contracts.contract_id) as contract_id,
        cast(null as decimal(38, 12)) as amount,
        min(contracts.currency) as currency,
        'One AWS account number stands for two of our accounts.' as suggested_cause,
        json_object(
            'aws_account_id', contracts.customer_account_id,
            'accounts', list_sort(list(distinct contracts.account_id))
        ) as evidence
    from contracts
    where contracts.customer_account_id is not null
    group by contracts.customer_account_id
    having count(distinct contracts.account_id) > 1

),

other_account as (

    select
        period,
        selling_entity,
        'aws_marketplace' as channel,
        'buyer of ' || agreement_id as violation_key,
        account_id,
        contract_id,
        contract_value as amount,
        currency,
        'The AWS account that accepted the agreement is not the one of the contract.' as suggested_cause,
        json_object(
            'agreement_id', agreement_id, 'contract_says', customer_account_id, 'agreement_says', acceptor_account
        ) as evidence
    from agreements
    where customer_account_id <> acceptor_account

),

unmatched as (

    select * from without_contract
    union all
    select * from without_agreement
    union all
    select * from two_contracts
    union all
    select * from two_accounts
    union all
    select * from other_account

),

violations as (

    select * from unclaimed_violations
    union all
    select
        period,
        selling_entity,
        channel,
        violation_key,
        'B15' as code,
        account_id,
        contract_id,
        null as document_id,
        false as holds,
        amount,
        currency,
        'none' as direction,
        suggested_cause,
        evidence
    from unmatched

),

{{ control_rows('MKT-11') }}
