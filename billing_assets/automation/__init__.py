"""When things run: the nightly job as plain steps, and its Dagster job, schedule and sensors."""
