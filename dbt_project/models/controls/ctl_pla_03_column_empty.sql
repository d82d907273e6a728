with {{ plausibility_rows('PLA-03', 'B21') }},

{{ control_rows('PLA-03') }}
