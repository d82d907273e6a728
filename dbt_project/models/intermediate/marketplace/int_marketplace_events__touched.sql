{# A full build reads nothing of this. #}
with files as (

    select file_sequence
    from {{ ref('stg_landing__files') }}
    where loaded_batch > {{ last_built_batch() }}

),

versions as (

    select * from {{ ref('stg_aws_marketplace__billing_event_versions') }}
    where not {{ should_full_refresh() }}

),

-- Month files of which a new version was read: only from those can a row be gone. With or without .gz it is the same.
months as (

    select distinct regexp_replace(path, '\.gz$', '') as month_path
    from {{ ref('stg_aws_marketplace__feed_files') }}
    where file_sequence in (select files.file_sequence from files)

),

changed_events as (

    select distinct billing_event_id
    from versions
    where
        file_sequence in (select files.file_sequence from files)
        or (
            dropped_on is not null
            and regexp_replace(path, '\.gz$', '') in (select months.month_path from months)
        )

),

changed_payouts as (

    select distinct billing_event_id as payout_id
    from versions
    where
        transaction_type in ('DISBURSEMENT', 'DISBURSEMENT_FAILURE')
        and billing_event_id in (select changed_events.billing_event_id from changed_events)

),

agreement_changes as (

    {{ changed_rows('int_agreements__resolved', [
        'agreement_id', 'offer_id', 'proposer_account_id', 'acceptor_account_id', 'valid_from', 'valid_to'
    ]) }}

),

product_changes as (

    {{ changed_rows('stg_aws_marketplace__legacy_ids', ['mapping_type', 'legacy_id', 'new_id']) }}

),

hit as (

    select
        billing_event_id,
        base_key
    from versions
    where
        billing_event_id in (select changed_events.billing_event_id from changed_events)
        or disbursement_billing_event_id in (select changed_payouts.payout_id from changed_payouts)
        or agreement_id in (select agreement_changes.agreement_id from agreement_changes)
        or product_id in (select product_changes.new_id from product_changes)

),

-- The rows of a line decide together: its payout currency, its number, its date.
final as (

    select billing_event_id from hit
    union
    select billing_event_id
    from versions
    where base_key in (select hit.base_key from hit)

)

select * from final
