-- Tables that hold landed evidence in the warehouse (derived: rebuilt from evidence and the register).
-- Quantities, amounts and rates are DECIMAL(38,12); timestamps are UTC without a zone; dates are local to the contract.
create schema if not exists raw;
create schema if not exists raw_landing;
create schema if not exists raw_contracts;
create schema if not exists raw_provisioning;
create schema if not exists raw_fx;
create schema if not exists raw_opening;
create schema if not exists raw_marketplace;
create schema if not exists raw_bank;

-- One row: the run being computed. Models read the business date here.
create table if not exists raw.run_context (
    as_of date, register_sequence bigint, decision_sequence bigint, code_hash varchar, run_identity varchar,
    quarantine_share decimal(38,12),     -- setting: rows set aside hold a document above this share of its account's rows
    late_usage varchar, rebill_above decimal(38,12));  -- settings of delta re-rating

-- One row, none before the first: the last finished build of dbt's phase A, which incremental models follow on.
create table if not exists raw.last_build (
    as_of date, batch integer, code_hash varchar,  -- batch: the last of the register that was loaded
    is_followed boolean);                          -- a later build has begun and not finished

-- One row per batch of the register whose evidence is loaded; written in the transaction that loads it.
create table if not exists raw_landing.batches (
    batch integer primary key, first_seen date, files bigint,
    register_hash varchar);  -- of what the register says of the batch: tells a warehouse of another ledger

-- One row per registered file, in register order; status says what became of it.
create table if not exists raw_landing.files (
    file_sequence bigint primary key, batch integer, first_seen date, path varchar, sha256 varchar, size_bytes bigint,
    source varchar,          -- contracts | provisioning | usage | fx | opening | manifest | unknown | a source not read yet
    status varchar,          -- loaded | duplicate | set_aside | changed_in_place | vanished | unread (not read yet)
    loaded_batch integer);   -- the batch in which its rows were accepted; null while set aside

-- One row per landed data file: received = accepted + duplicate + conflict + quarantined.
create table if not exists raw_landing.conservation (
    file_sequence bigint primary key, path varchar, sha256 varchar, source varchar,
    received bigint, accepted bigint, duplicate bigint, conflict bigint, quarantined bigint,
    units_received varchar, units_accepted varchar, units_duplicate varchar, units_conflict varchar,
    units_quarantined varchar);          -- JSON object meter -> decimal text, over parseable rows

-- One row per bad file (line null) or bad row.
create table if not exists raw_landing.quarantine (
    file_sequence bigint, path varchar, sha256 varchar, source varchar, line bigint, code varchar, reason varchar,
    original varchar, account_id varchar, meter varchar, event_id varchar, event_source varchar,
    event_time timestamp, quantity decimal(38,12));

-- One row per manifest version landed.
create table if not exists raw_landing.manifests (
    file_sequence bigint, data_path varchar, data_file_sequence bigint, records bigint, quantity decimal(38,12),
    min_time timestamp, max_time timestamp, sha256 varchar, producer varchar, producer_sequence bigint,
    agrees boolean, disagreement varchar);

-- One row per contract version.
create table if not exists raw_contracts.versions (
    contract_id varchar, version integer, effective_from date, signed_at timestamp, account_id varchar,
    account_name varchar, account_country varchar, account_currency varchar, tax_id varchar, bill_to varchar,
    account_external_ids varchar, external_ids varchar, channel varchar, selling_entity varchar, currency varchar,
    timezone varchar, starts_on date, ends_on date, frequency varchar, every integer, anchor_date date,
    payment_terms_days integer, po_number varchar, rounding_mode varchar, rounding_stage varchar,
    rounding_places integer, tax_rounding varchar, proration varchar, trial_days integer, marketplace varchar,
    source_uri varchar, source_sha256 varchar, document varchar,   -- the whole document as canonical JSON
    file_sequence bigint, line bigint,
    terms_hash varchar,                  -- equal for equal terms: tells a duplicate from a conflict
    unknown_fields varchar,              -- JSON list of the paths of fields we do not know; null = none
    primary key (contract_id, version));
create table if not exists raw_contracts.organizations (
    contract_id varchar, version integer, account_id varchar, organization_id varchar);

-- One row per charge of a contract version. terms_hash covers all of its terms, price_hash its price only.
create table if not exists raw_contracts.charges (
    contract_id varchar, version integer, charge_id varchar, position integer, product varchar, description varchar,
    type varchar, timing varchar, effective_from date, effective_to date, due_on date, quantity decimal(38,12),
    meter varchar, aggregation varchar, property varchar, divide_by decimal(38,12), conversion_rounding varchar,
    model varchar, dimension varchar, included_quantity decimal(38,12), minimum decimal(38,12),
    maximum decimal(38,12), prorate boolean, price varchar, price_hash varchar, terms_hash varchar,
    external_ids varchar);

-- One row per price cell. A matrix has one per value (and perhaps a default); every other model has cell 0.
create table if not exists raw_contracts.price_cells (
    contract_id varchar, version integer, charge_id varchar, cell_no integer, is_default boolean, model varchar,
    unit_price decimal(38,12), per decimal(38,12), amount decimal(38,12), package_size decimal(38,12),
    package_price decimal(38,12), free_units decimal(38,12), package_rounding varchar, rate_percent decimal(38,12),
    fixed_per_event decimal(38,12), free_events decimal(38,12), free_amount decimal(38,12),
    min_per_event decimal(38,12), max_per_event decimal(38,12), multiplier decimal(38,12), flat_at_zero boolean);
create table if not exists raw_contracts.price_cell_conditions (
    contract_id varchar, version integer, charge_id varchar, cell_no integer, property varchar, value varchar);
-- One row per tier; the tier holds quantities in (from_quantity, up_to]; up_to null = no limit.
create table if not exists raw_contracts.price_tiers (
    contract_id varchar, version integer, charge_id varchar, cell_no integer, tier_no integer,
    from_quantity decimal(38,12), up_to decimal(38,12), unit_price decimal(38,12), per decimal(38,12),
    flat_price decimal(38,12), block_size decimal(38,12), rate_percent decimal(38,12), amount decimal(38,12),
    limits varchar);
-- One row per allowed value of a filtered property.
create table if not exists raw_contracts.charge_filters (
    contract_id varchar, version integer, charge_id varchar, property varchar, value varchar);
create table if not exists raw_contracts.charge_group_by (
    contract_id varchar, version integer, charge_id varchar, property varchar, position integer);
-- One row per dated quantity of a recurring charge; a plain quantity is one row with from_date null.
create table if not exists raw_contracts.charge_quantities (
    contract_id varchar, version integer, charge_id varchar, from_date date, quantity decimal(38,12));
create table if not exists raw_contracts.commitments (
    contract_id varchar, version integer, commitment_id varchar, kind varchar, amount decimal(38,12),
    quantity decimal(38,12), time_window varchar, overage_factor decimal(38,12), true_up boolean, prorate boolean,
    priority integer, expires_at timestamp, rollover_min decimal(38,12), rollover_max decimal(38,12));
create table if not exists raw_contracts.commitment_hours (
    contract_id varchar, version integer, commitment_id varchar, from_hour integer, to_hour integer,
    unit_price decimal(38,12), amount decimal(38,12), quantity decimal(38,12), overage_factor decimal(38,12),
    true_up boolean);
create table if not exists raw_contracts.grants (
    contract_id varchar, version integer, grant_id varchar, commitment_id varchar, amount decimal(38,12),
    unit varchar, kind varchar, effective_at timestamp, expires_at timestamp, voided_at timestamp, priority integer,
    purchased_by varchar, cost_basis decimal(38,12), every_days integer, anchor timestamp, reset boolean,
    rollover_min decimal(38,12), rollover_max decimal(38,12), preserve_overage boolean);
create table if not exists raw_contracts.discounts (
    contract_id varchar, version integer, charge_id varchar,   -- null: a discount of the contract
    discount_id varchar, kind varchar, value decimal(38,12), currency varchar, from_date date, to_date date,
    sort_order integer, duration_kind varchar, duration_periods integer);
create table if not exists raw_contracts.taxes (
    contract_id varchar, version integer, tax_code varchar, rate_percent decimal(38,12), inclusive boolean);
-- One row per target that a commitment, grant, discount or tax names; no row = applies to all.
create table if not exists raw_contracts.applies_to (
    contract_id varchar, version integer, owner_kind varchar,  -- commitment | grant | discount | tax
    owner_id varchar, target varchar);
create table if not exists raw_contracts.approval_claims (
    contract_id varchar, version integer, what varchar, charge_id varchar, approved_version integer,
    approved_by varchar, approved_at timestamp, reason varchar);

create table if not exists raw_provisioning.entitlements (
    organization_id varchar, account_id varchar, contract_id varchar, product varchar, status varchar,
    quantity decimal(38,12), valid_from date, valid_to date, file_sequence bigint, line bigint);

create table if not exists raw_fx.rates (
    rate_date date, base_currency varchar, quote_currency varchar, rate decimal(38,12), rate_type varchar,
    rate_source varchar, file_sequence bigint, line bigint);

-- One row per opening balance: what a running business brought along on its cut-over date, and where its numbers go on.
create table if not exists raw_opening.balances (
    kind varchar,                        -- receivable | wallet | unapplied | deferred | carry | number
    as_of date,                          -- the cut-over: balances stand as this day begins
    selling_entity varchar, account_id varchar, contract_id varchar,
    document_kind varchar, number varchar,   -- of the former system's document or receipt; of a number range its kind
    grant_id varchar, grant_kind varchar, currency varchar,
    amount decimal(38,12),               -- still open: a credit memo below zero, everything else above
    issue_date date, due_date date, service_from date, service_to date, expires_at timestamp, priority integer,
    meter varchar, unit varchar, quantity decimal(38,12), next_number bigint, file_sequence bigint, line bigint);

-- One row per statement landed, also where its entries had landed before.
create table if not exists raw_bank.statements (
    statement_id varchar,                -- account / number of the statement / its last day
    statement_no integer,                -- within its file, from 1
    account varchar, currency varchar,
    opening_balance decimal(38,12), closing_balance decimal(38,12),   -- null where the format has none
    entry_rows bigint, entry_amount decimal(38,12),                   -- what was read on it: ties the balances
    from_date date, to_date date, format varchar,                     -- camt053 | mt940 | bai2 | csv
    file_sequence bigint, line bigint);
-- One row per booked movement of an account, however many files and formats brought it.
create table if not exists raw_bank.entries (
    entry_id varchar primary key,        -- account / booking date / amount / currency / reference (/ ordinal)
    statement_id varchar, account varchar, value_date date, booking_date date,
    amount decimal(38,12),               -- signed, credit +
    currency varchar, counterparty varchar, reference varchar, bank_reference varchar, narrative varchar,
    bank_code varchar,                   -- kind of movement in the format's own code
    format varchar, file_sequence bigint, line bigint);

-- Feeds of AWS Marketplace. A month file is written anew every day: a raw row says in which versions it stood, so that
-- first_seen <= D and (dropped_on is null or dropped_on > D) is what was known on day D.

-- One row per landed version of a feed's month file. Newest = greatest (latest_change, rows, file_sequence), whatever
-- the order of delivery; data.csv and data.csv.gz are one month file.
create table if not exists raw_marketplace.feed_files (
    file_sequence bigint, feed varchar, period varchar,       -- YYYY-MM of the path
    path varchar, rows bigint, latest_change timestamp,       -- greatest insert_date or update_date in it
    header varchar, unknown_columns varchar, missing_columns varchar,   -- JSON lists
    first_seen date, is_newest boolean);

-- One row per file version x column x value outside the vocabulary known so far; rows = new rows that carry it.
create table if not exists raw_marketplace.unknown_values (
    feed varchar, column_name varchar, value varchar, rows bigint, file_sequence bigint, first_seen date);

-- Every feed, after its own columns: extra = JSON of the columns we do not know; file_sequence = the version that first
-- brought the row; dropped_on = business date of the newest version that no longer has it, null while it stands.

-- One row per distinct row of an account in a month file: buyers, sellers, payers.
create table if not exists raw_marketplace.accountfeed (
    account_id varchar, aws_account_id varchar, encrypted_account_id varchar, mailing_address_id varchar,
    tax_address_id varchar, tax_registration_number varchar, tax_legal_name varchar, catalog varchar,
    valid_from timestamp, insert_date timestamp, update_date timestamp, delete_date timestamp, extra varchar,
    path varchar, file_sequence bigint, line bigint, first_seen date, dropped_on date);
-- One row per distinct row of an address in a month file: with company names.
create table if not exists raw_marketplace.addressfeed (
    address_id varchar, aws_account_id varchar, email_domain varchar, company_name varchar, country_code varchar,
    state_or_region varchar, city varchar, postal_code varchar, address_line_1 varchar, address_line_2 varchar,
    address_line_3 varchar, valid_to timestamp, valid_from timestamp, insert_date timestamp, update_date timestamp,
    delete_date timestamp, extra varchar, path varchar, file_sequence bigint, line bigint, first_seen date,
    dropped_on date);
-- One row per distinct row of an agreement in a month file: its dates, value and status.
create table if not exists raw_marketplace.agreementfeed (
    agreement_id varchar, license_ids varchar, proposer_account_id varchar, acceptor_account_id varchar,
    offer_id varchar, offer_revision_at_acceptance bigint, offer_set_id varchar, start_time timestamp,
    end_time timestamp, acceptance_time timestamp, intent varchar, preceding_agreement_id varchar, status varchar,
    status_reason_code varchar, estimated_agreement_value decimal(38,12), currency_code varchar,
    recipient_account_id varchar, catalog varchar, valid_from timestamp, insert_date timestamp,
    update_date timestamp, delete_date timestamp, extra varchar, path varchar, file_sequence bigint, line bigint,
    first_seen date, dropped_on date);
-- One row per distinct row of an agreement term in a month file: its kind and configuration.
create table if not exists raw_marketplace.agreementtermfeed (
    agreement_id varchar, term_id varchar, term_type varchar, term_configuration varchar, valid_from timestamp,
    insert_date timestamp, update_date timestamp, delete_date timestamp, extra varchar, path varchar,
    file_sequence bigint, line bigint, first_seen date, dropped_on date);
-- One row per distinct row of a scheduled charge in a month file: when an agreement's term is to be invoiced.
create table if not exists raw_marketplace.agreementchargefeed (
    agreement_id varchar, term_id varchar, time timestamp, amount decimal(38,12), currency_code varchar,
    valid_from timestamp, insert_date timestamp, update_date timestamp, delete_date timestamp, extra varchar,
    path varchar, file_sequence bigint, line bigint, first_seen date, dropped_on date);
-- One row per distinct row of a billing event in a month file: the only feed of money; amount = change in what AWS owes the seller.
create table if not exists raw_marketplace.billingeventfeed (
    billing_event_id varchar, from_account_id varchar, to_account_id varchar, end_user_account_id varchar,
    product_id varchar, action varchar, transaction_type varchar, parent_billing_event_id varchar,
    disbursement_billing_event_id varchar, amount decimal(38,12), currency varchar, balance_impacting boolean,
    invoice_date timestamp, payment_due_date timestamp, usage_period_start_date timestamp,
    usage_period_end_date timestamp, invoice_id varchar, billing_address_id varchar,
    transaction_reference_id varchar, buyer_transaction_reference_id varchar, bank_trace_id varchar,
    broker_id varchar, agreement_id varchar, offer_id varchar, buyer_invoice_id varchar,
    buyer_invoice_date timestamp, line_item_id varchar, buyer_line_item_id varchar, invoice_variant varchar,
    charge_variant varchar, charge_side varchar, action_date timestamp, disbursement_amount decimal(38,12),
    disbursement_currency varchar, disbursement_reference_number varchar, recipient_account_id varchar,
    catalog varchar, valid_from timestamp, insert_date timestamp, update_date timestamp, delete_date timestamp,
    extra varchar, path varchar, file_sequence bigint, line bigint, first_seen date, dropped_on date);
-- One row per distinct row of a usage record in a month file: metered usage of a day and its estimated revenue.
create table if not exists raw_marketplace.dailyusagefeed (
    usage_feed_id varchar, usage_date date, product_id varchar, agreement_id varchar, end_user_account_id varchar,
    payer_account_id varchar, region varchar, dimension_key varchar, usage_unit varchar,
    usage_quantity decimal(38,12), pricing_currency varchar, estimated_revenue_in_pricing_currency decimal(38,12),
    usage_rate_per_unit_in_pricing_currency decimal(38,12), offer_id varchar, charge_item_description varchar,
    recipient_account_id varchar, catalog varchar, valid_from timestamp, insert_date timestamp,
    update_date timestamp, delete_date timestamp, extra varchar, path varchar, file_sequence bigint, line bigint,
    first_seen date, dropped_on date);
-- One row per distinct row of a legacy id in a month file: of an offer or a product, and its id today.
create table if not exists raw_marketplace.legacyidmappingfeed (
    mapping_type varchar, legacy_id varchar, new_id varchar, catalog varchar, valid_from timestamp,
    insert_date timestamp, update_date timestamp, delete_date timestamp, extra varchar, path varchar,
    file_sequence bigint, line bigint, first_seen date, dropped_on date);
-- One row per distinct row of an offer revision in a month file: its name, end and seller.
create table if not exists raw_marketplace.offerfeed (
    offer_id varchar, offer_revision bigint, name varchar, expiration_date timestamp, opportunity_id varchar,
    opportunity_name varchar, opportunity_description varchar, seller_account_id varchar,
    recipient_account_id varchar, catalog varchar, valid_from timestamp, insert_date timestamp,
    update_date timestamp, delete_date timestamp, extra varchar, path varchar, file_sequence bigint, line bigint,
    first_seen date, dropped_on date);
-- One row per distinct row of a product of an offer revision in a month file: which offer sells it.
create table if not exists raw_marketplace.offerproductfeed (
    offer_id varchar, offer_revision bigint, product_id varchar, catalog varchar, valid_from timestamp,
    insert_date timestamp, update_date timestamp, delete_date timestamp, extra varchar, path varchar,
    file_sequence bigint, line bigint, first_seen date, dropped_on date);
-- One row per distinct row of an offer target in a month file: to whom an offer is shown.
create table if not exists raw_marketplace.offertargetfeed (
    offer_target_id varchar, offer_id varchar, offer_revision bigint, target_type varchar, polarity varchar,
    value varchar, catalog varchar, valid_from timestamp, insert_date timestamp, update_date timestamp,
    delete_date timestamp, extra varchar, path varchar, file_sequence bigint, line bigint, first_seen date,
    dropped_on date);
-- One row per distinct row of a product in a month file: its code, title and manufacturer.
create table if not exists raw_marketplace.productfeed (
    product_id varchar, manufacturer_account_id varchar, product_code varchar, title varchar, catalog varchar,
    valid_from timestamp, insert_date timestamp, update_date timestamp, delete_date timestamp, extra varchar,
    path varchar, file_sequence bigint, line bigint, first_seen date, dropped_on date);
-- One row per distinct row of a tax item in a month file: a tax on an invoice line in one jurisdiction.
create table if not exists raw_marketplace.taxitemfeed (
    tax_item_id varchar, invoice_id varchar, line_item_id varchar, customer_bill_id varchar,
    tax_liable_party varchar, transaction_type_code varchar, product_id varchar, product_tax_code varchar,
    invoice_date timestamp, taxed_customer_account_id varchar, taxed_customer_country varchar,
    taxed_customer_state_or_region varchar, taxed_customer_city varchar, taxed_customer_postal_code varchar,
    tax_location_code_taxed_jurisdiction varchar, tax_type_code varchar, jurisdiction_level varchar,
    taxed_jurisdiction varchar, display_price_taxability_type varchar, taxable_amount decimal(38,12),
    nontaxable_amount decimal(38,12), tax_jurisdiction_rate decimal(38,12), tax_amount decimal(38,12),
    tax_currency varchar, tax_calculation_reason_code varchar, date_used_for_tax_calculation timestamp,
    customer_exemption_certificate_id varchar, customer_exemption_certificate_id_domain varchar,
    customer_exemption_certificate_level varchar, customer_exemption_code varchar,
    customer_exemption_domain varchar, transaction_reference_id varchar, valid_from timestamp,
    insert_date timestamp, update_date timestamp, delete_date timestamp, extra varchar, path varchar,
    file_sequence bigint, line bigint, first_seen date, dropped_on date);
