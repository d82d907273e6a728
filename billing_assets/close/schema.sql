create schema if not exists raw_close;

-- One row per control result of a month that is locked, as it was found at the lock.
create table if not exists raw_close.control_results (
    control_id varchar, period varchar, selling_entity varchar, channel varchar, severity varchar, blocks varchar,
    population_rows varchar, population_amount varchar, violations varchar, violation_amount varchar,
    currency varchar, status varchar, query_hash varchar
);

-- One row per roll-forward row of a month that is locked, as it stood at the lock.
create table if not exists raw_close.receivable_rollforward (
    kind varchar, period varchar, selling_entity varchar, currency varchar, agreement_id varchar, opening varchar,
    invoiced varchar, credited varchar, collected varchar, paid_from_credits varchar, rated varchar, granted varchar,
    used varchar, expired varchar, closing varchar, difference varchar, aws_entity varchar, refunded varchar,
    forgiven varchar, adjusted varchar, disbursed varchar, failed varchar, received varchar, applied varchar,
    brought_forward varchar
);
