{#
Exact decimal arithmetic as functions of the warehouse: DuckDB's `/` and `avg` give DOUBLE, round() wants a constant
number of places, round_even() gives DOUBLE, and a product of two DECIMAL(38,12) has 24 places and overflows at 1e14.
So products, quotients and roundings run on HUGEINT that counts 10^-12ths - where they must: DuckDB divides a HUGEINT bit by
bit, at more than a microsecond, and a cast to fewer places is such a division, too. Where the figures are small enough,
which is nearly always, one round() of a product of decimals gives the same. Arguments and results are DECIMAL(38,12); a
result is rounded half-up (away from zero) at the 12th place. The Python twin is billing_assets/money.py.

DuckDB puts an argument in wherever the function names it: one that names it ten times, inside another that does, is a
thousand copies to plan. So each names its arguments as rarely as it can.

Created at the start of every dbt run (on-run-start). Functions and not text put into each model, because the compiled
SQL of a figure is read by people, and parsing pages of arithmetic took most of dbt's time.
#}
{% macro create_money_functions() -%}
    -- x as a count of 10^-12ths; exact for |x| < 10^14, an error beyond.
    create or replace macro money_scaled(x) as
        cast(cast(x as decimal(38, 12)) * 1000000000000 as hugeint);

    -- The decimal that n 10^-12ths make: to DuckDB the factor is the whole number 1, of which 12 places are told apart.
    create or replace macro money_unscaled(n) as
        cast(n as decimal(38, 0)) * cast(0.000000000001 as decimal(38, 12));

    -- n / d on whole numbers, half-up away from zero; null for d = 0.
    create or replace macro money_divide_whole(n, d) as (n + sign(n) * (abs(d) // 2)) // nullif(d, 0);

    -- Whether a x b with its 24 places is a DECIMAL(38,24).
    create or replace macro money_is_small_product(a, b) as
        (least(abs(a), abs(b)) < 10000 and greatest(abs(a), abs(b)) < 10000000000);

    create or replace macro money_small_product(a, b) as
        round(cast(a as decimal(38, 12)) * cast(b as decimal(38, 12)), 12);

    -- a x b as a count of 10^-12ths. The whole part of a is multiplied apart, so that a large quantity times a 12-digit
    -- price fits: |a| < 10^20 and |b| < 10^14 with |a x b| < 10^26.
    create or replace macro money_product_scaled(a, b) as
        cast(trunc(cast(a as decimal(38, 12))) as hugeint) * money_scaled(b)
        + money_divide_whole(
            money_scaled(cast(a as decimal(38, 12)) - trunc(cast(a as decimal(38, 12)))) * money_scaled(b),
            cast(1000000000000 as hugeint)
        );

    create or replace macro money_multiply(a, b) as
        case
            when money_is_small_product(a, b) then money_small_product(a, b)
            else money_unscaled(money_product_scaled(a, b))
        end;

    -- 1 / c of the divisors met most (per cent, per million); null for others.
    create or replace macro money_reciprocal(c) as
        case c
            when 1 then cast(1 as decimal(38, 12))
            when 100 then cast(0.01 as decimal(38, 12))
            when 1000000 then cast(0.000001 as decimal(38, 12))
        end;

    -- a x b / c, divided once; null for c = 0. A whole c (days, "per million") keeps the full range.
    create or replace macro money_multiply_divide(a, b, c) as
        case
            when money_is_small_product(a, b) and money_reciprocal(c) is not null
                then round(money_small_product(a, b) * money_reciprocal(c), 12)
            when cast(c as decimal(38, 12)) = trunc(cast(c as decimal(38, 12)))
                then money_unscaled(money_divide_whole(money_product_scaled(a, b), cast(c as hugeint)))
            else money_unscaled(money_divide_whole(money_product_scaled(a, b) * 1000000000000, money_scaled(c)))
        end;

    -- 10^(12 - places): how many 10^-12ths one unit of the last kept place holds. Written as text because pow() is
    -- DOUBLE and a CASE over all places costs a second of planning per model.
    create or replace macro money_unit(places) as cast(rpad('1', 13 - places, '0') as hugeint);

    -- v in whole units: so much of one is added that cutting off what is less than a unit rounds as `mode` says.
    create or replace macro money_round_scaled(v, unit, mode) as
        (v + sign(v) * case mode
            when 'half_up' then unit // 2
            when 'half_even' then greatest(unit // 2 - 1 + abs(v) // unit % 2, 0)
            when 'ceil' then if(v > 0, unit - 1, 0)
            when 'floor' then if(v < 0, unit - 1, 0)
        end) // unit;

    -- x rounded to `places` (-2..12) digits by `mode`: half_up (away from zero), half_even, ceil, floor.
    -- Null places or an unknown mode give null, which a not_null test then finds.
    create or replace macro money_round(x, places, mode) as
        case
            when mode = 'half_up' and places = 2
                then cast(round(cast(x as decimal(38, 12)), 2) as decimal(38, 12))
            else money_unscaled(money_round_scaled(money_scaled(x), money_unit(places), mode) * money_unit(places))
        end;
{%- endmacro %}
