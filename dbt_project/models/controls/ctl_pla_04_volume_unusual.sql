with {{ plausibility_rows('PLA-04', 'B22') }},

{{ control_rows('PLA-04') }}
