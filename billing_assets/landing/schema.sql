-- Tables that hold landed evidence in the warehouse (derived: rebuilt from evidence and the register).
-- Quantities, amounts and rates are DECIMAL(38,12); timestamps are UTC without a zone; dates are local to the contract.
create schema if not exists raw;
create schema if not exists raw_landing;
create schema if not exists raw_contracts;
create schema if not exists raw_provisioning;
create schema if not exists raw_fx;

-- One row: the run being computed. Models read the business date here.
create table if not exists raw.run_context (
    as_of date, register_sequence bigint, decision_sequence bigint, code_hash varchar, run_identity varchar,
    quarantine_share decimal(38,12));    -- setting: rows set aside hold a document above this share of its account's rows

-- One row per batch of the register whose evidence is loaded; written in the transaction that loads it.
create table if not exists raw_landing.batches (
    batch integer primary key, first_seen date, files bigint,
    register_hash varchar);  -- of what the register says of the batch: tells a warehouse of another ledger

-- One row per registered file, in register order; status says what became of it.
create table if not exists raw_landing.files (
    file_sequence bigint primary key, batch integer, first_seen date, path varchar, sha256 varchar, size_bytes bigint,
    source varchar,          -- contracts | provisioning | usage | fx | manifest | unknown | a source not read yet
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
    rollover_min decimal(38,12), rollover_max decimal(38,12));
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
