with {{ plausibility_rows('PLA-05', 'B21') }},

{{ control_rows('PLA-05') }}
