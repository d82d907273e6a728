"""Cash to what it pays: bank entries to issued documents and marketplace payouts, by a ladder of rules.

Belongs here: the rules (`ladder`, pure) and reading and writing around them (`match`). Reading statements belongs to
`landing`; what applications do to balances belongs to dbt. Nothing here is guessed: two candidates are none.
"""
