"""When the nightly job runs by itself."""

from datetime import timedelta

import dagster as dg

from billing_assets.automation.jobs import nightly_job


@dg.schedule(
    job=nightly_job,
    # Two hours after the UTC day ends: producers deliver the last hour by then, and AWS cuts its month at 06:00 UTC.
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    description="Every night at 02:00 UTC, for the business date that has just ended.",
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run per business date: the day before the scheduled moment (the schedule's own clock, not the machine's)."""
    as_of = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
    return dg.RunRequest(
        run_key=as_of,
        run_config={"resources": {"installation": {"config": {"as_of": as_of}}}},
        tags={"as_of": as_of},
    )
