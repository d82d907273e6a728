"""dbt: the runner of its two phases, and its models as Dagster assets. The SQL lives in `dbt_project/`."""
