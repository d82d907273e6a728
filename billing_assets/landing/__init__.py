"""Evidence in: what lands is registered, read safely, quarantined where it is bad, and written to raw tables.

Here belong the register scan, container and row checks, one module per source, and the load of whole batches.
Metering of usage belongs to `metering`; what the rows mean in money belongs to dbt.
"""
