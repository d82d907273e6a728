"""Out of the platform: drafts become issued documents, and issued documents reach their targets exactly once.

Here belong the step from draft to record, the relay, and one module a target. Verdicts belong to `controls`, the
record itself to `ledger`.
"""
