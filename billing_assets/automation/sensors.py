"""What starts a run between nights, and what speaks when one fails."""

import hashlib
import os
from pathlib import Path

import dagster as dg

from billing_assets.automation.jobs import nightly_job
from billing_assets.landing import remote
from billing_assets.settings import Settings


def fingerprint(landing: Path | str) -> str | None:
    """Changes when a file below `landing` appears, goes or changes; null when there is none. Reads no content."""
    digest = hashlib.sha256()
    found = False
    if isinstance(landing, str):
        objects = remote.state(remote.RemoteZone.of(landing))
        return hashlib.sha256(repr(objects).encode()).hexdigest() if objects else None
    for folder, _, names in sorted(os.walk(landing)):
        for name in sorted(names):
            path = Path(folder, name)
            status = path.lstat()
            digest.update(f"{path.relative_to(landing)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
            found = True
    return digest.hexdigest() if found else None


@dg.sensor(
    job=nightly_job,
    minimum_interval_seconds=60,
    description="Runs the nightly job when the landing zone has changed, for the ledger's current business date.",
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run per state of the landing zone; the register decides by hash what is really new."""
    landing = Settings().landing
    mark = fingerprint(landing)
    if mark is None:
        return dg.SkipReason(f"nothing in {landing}")
    if mark == context.cursor:
        return dg.SkipReason("nothing new has landed")
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=mark)], cursor=mark)


@dg.run_failure_sensor(
    monitored_jobs=[nightly_job],
    description="Says which step of a nightly run failed, and why, where operators look first.",
)
def nightly_failure_sensor(context: dg.RunFailureSensorContext) -> None:
    """Nothing is published by a failed run; the next one takes up where it stopped."""
    context.log.error(
        f"nightly run {context.dagster_run.run_id} failed: {context.failure_event.message}. "
        "Nothing after the failed step was done; see docs/operating/nightly.md."
    )
