{# How many whole parts of `size` the quantity holds: started ones (up) or full ones (down). #}
{% macro whole_parts(quantity, size, rounding) -%}
    {%- set q = scaled(quantity) -%}
    {%- set s = scaled(size) -%}
    cast(case {{ rounding }}
        when 'up' then {{ q }} // {{ s }} + case when {{ q }} % {{ s }} > 0 then 1 else 0 end
        when 'down' then {{ q }} // {{ s }} - case when {{ q }} % {{ s }} < 0 then 1 else 0 end
    end as decimal(38, 12))
{%- endmacro %}

{# unit_conversion {divide_by, rounding}: raw units to the units that are priced. #}
{% macro convert_units(quantity, divide_by, rounding) -%}
    case
        when {{ divide_by }} is null then {{ quantity }}
        when {{ rounding }} = 'none' then {{ divide(quantity, divide_by) }}
        when {{ rounding }} = 'half_up'
            then cast({{ divide_whole(scaled(quantity), scaled(divide_by)) }} as decimal(38, 12))
        else {{ whole_parts(quantity, divide_by, rounding) }}
    end
{%- endmacro %}
