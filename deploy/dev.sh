#!/bin/sh
# Starts the Dagster UI and daemon on loopback with this project's instance settings.
set -eu
: "${BIN:=.venv/bin}"
DAGSTER_HOME="${DAGSTER_HOME:-$(pwd)/home/dagster}"
export DAGSTER_HOME
mkdir -p "$DAGSTER_HOME"
cp deploy/dagster.yaml "$DAGSTER_HOME/dagster.yaml"
exec "$BIN/dagster" dev --workspace workspace.yaml --host 127.0.0.1 --port "${PORT:-3000}"
