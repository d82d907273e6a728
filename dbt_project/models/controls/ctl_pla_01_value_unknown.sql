with {{ plausibility_rows('PLA-01', 'B21') }},

{{ control_rows('PLA-01') }}
