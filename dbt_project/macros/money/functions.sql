{#
Exact decimal arithmetic as functions of the warehouse: DuckDB's `/` and `avg` give DOUBLE, round() wants a constant
number of places, round_even() gives DOUBLE, and a product of two DECIMAL(38,12) has 24 places and overflows at 1e14.
So products, quotients and roundings run on HUGEINT that counts 10^-12ths. Arguments and results are DECIMAL(38,12);
a result is rounded half-up (away from zero) at the 12th place. The Python twin is billing_assets/money.py.

Created at the start of every dbt run (on-run-start). Functions and not text put into each model, because the compiled
SQL of a figure is read by people, and parsing pages of arithmetic took most of dbt's time.
#}
{% macro create_money_functions() -%}
    -- x as a count of 10^-12ths; exact for |x| < 10^14, an error beyond.
    create or replace macro money_scaled(x) as
        cast(cast(x as decimal(38, 12)) * 1000000000000 as hugeint);

    -- The decimal that n 10^-12ths make: whole part and rest apart, so that no product leaves 38 digits.
    create or replace macro money_unscaled(n) as
        (cast(n // 1000000000000 as decimal(38, 12))
        + cast(n % 1000000000000 as decimal(38, 0)) * cast(0.000000000001 as decimal(38, 12)));

    -- n / d on whole numbers, half-up away from zero; null for d = 0.
    create or replace macro money_divide_whole(n, d) as
        case
            when d = 0 then null
            when (n < 0) = (d < 0) then (abs(n) + abs(d) // 2) // abs(d)
            else -((abs(n) + abs(d) // 2) // abs(d))
        end;

    -- a x b as a count of 10^-12ths. The whole part of a is multiplied apart, so that a large quantity times a
    -- 12-digit price fits: |a| < 10^20 and |b| < 10^14 with |a x b| < 10^26.
    create or replace macro money_product_scaled(a, b) as
        (cast(trunc(cast(a as decimal(38, 12))) as hugeint) * money_scaled(b)
        + money_divide_whole(
            money_scaled(cast(a as decimal(38, 12)) - trunc(cast(a as decimal(38, 12)))) * money_scaled(b),
            cast(1000000000000 as hugeint)
        ));

    create or replace macro money_multiply(a, b) as money_unscaled(money_product_scaled(a, b));

    -- a x b / c, divided once; null for c = 0. A whole c (days, "per million") keeps the full range.
    create or replace macro money_multiply_divide(a, b, c) as
        case
            when cast(c as decimal(38, 12)) = trunc(cast(c as decimal(38, 12)))
                then money_unscaled(money_divide_whole(money_product_scaled(a, b), cast(c as hugeint)))
            else money_unscaled(
                money_divide_whole(money_product_scaled(a, b) * 1000000000000, money_scaled(c))
            )
        end;

    -- 10^(12 - places): how many 10^-12ths one unit of the last kept place holds. Written as text because pow() is
    -- DOUBLE and a CASE over all places costs a second of planning per model.
    create or replace macro money_unit(places) as cast(rpad('1', 13 - places, '0') as hugeint);

    create or replace macro money_round_scaled(v, unit, mode) as
        case mode
            when 'half_up' then money_divide_whole(v, unit)
            when 'half_even' then sign(v) * (abs(v) // unit
                + case
                    when abs(v) % unit * 2 > unit then 1
                    when abs(v) % unit * 2 = unit then abs(v) // unit % 2
                    else 0
                end)
            when 'ceil' then v // unit + case when v % unit > 0 then 1 else 0 end
            when 'floor' then v // unit - case when v % unit < 0 then 1 else 0 end
        end;

    -- x rounded to `places` (-2..12) digits by `mode`: half_up (away from zero), half_even, ceil, floor.
    -- Null places or an unknown mode give null, which a not_null test then finds.
    create or replace macro money_round(x, places, mode) as
        money_unscaled(money_round_scaled(money_scaled(x), money_unit(places), mode) * money_unit(places));
{%- endmacro %}
