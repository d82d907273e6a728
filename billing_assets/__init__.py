"""Order to cash for usage-billed products, as Dagster assets and a `billing` command.

Rooms (packages) may use those above them only; `docs/concepts/rooms.md` lists them and a test guards it.
"""
