-- What cash pays, computed anew in every run from bank entries, issued documents and marketplace payouts.
create schema if not exists raw_match;

-- One row per entry and what it was applied to.
create table if not exists raw_match.applications (
    entry_id varchar, target_kind varchar,   -- invoice | payout
    target_id varchar,                       -- document_id | billing_event_id of the DISBURSEMENT
    rung varchar,                            -- the rule that matched: see billing_assets/matching/ladder.py
    rule_version integer,
    amount decimal(38,12),                   -- in the entry's currency; negative for a returned payment
    currency varchar, applied_on date);
-- One row per bank entry booked up to the business date: applied + unapplied = its amount, but for what is no receivable.
create table if not exists raw_match.entries (
    entry_id varchar primary key,
    classification varchar,                  -- customer_receipt | marketplace_payout | outgoing | other
    status varchar,                          -- applied | partly_applied | unapplied | not_receivable
    applied decimal(38,12), unapplied decimal(38,12), currency varchar,
    candidates varchar);                     -- JSON list of what it may pay, where that is not certain
