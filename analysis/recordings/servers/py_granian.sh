#!/bin/sh
# Workers take their index as a folder that only one of them can make.
TICKETS=$(mktemp -d)
export TICKETS
exec "$1" --interface asgi --host 127.0.0.1 --port "$PORT" --workers "$WORKERS" --no-ws analysis.recordings.servers.py_granian:app
