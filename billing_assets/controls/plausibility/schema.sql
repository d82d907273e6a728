-- What the plausibility checks say of landed data; rewritten by every run.
create schema if not exists raw_plausibility;

-- One row per plausibility check and month of the rows it judged; a check that had nothing to judge has none.
create table if not exists raw_plausibility.results (
    check_id varchar, period varchar,        -- YYYY-MM
    source varchar, table_name varchar, control_id varchar, severity varchar, passed boolean,
    rows_checked bigint, unexpected bigint,  -- rows judged, and those outside what is expected
    observed varchar, expected varchar,
    sample varchar);                         -- JSON list of what is unexpected, the first of it in order
