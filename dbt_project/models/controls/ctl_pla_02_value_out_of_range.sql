with {{ plausibility_rows('PLA-02', 'B22') }},

{{ control_rows('PLA-02') }}
