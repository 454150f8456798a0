#!/usr/bin/env bash
# Ray writes a paragraph to the caller's standard output when an actor dies, although log_to_driver is False.
#
# Versions: ray 2.60.0, on Linux x86-64, Python 3.11.
# Behaviour: the text comes from a thread of the driver, not from Ray's logger. Neither log_to_driver=False nor a level
#   of the logger "ray" above all messages keeps it away; there is no public setting.
# Seen on 2026-11-29:
#   standard output: (raylet) A worker died or was killed while executing a task by an unexpected system error. …
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat >"$work/die.py" <<'PYTHON'
import logging
import os
import sys
import time

import ray

logging.getLogger("ray").setLevel(logging.CRITICAL)
ray.init(
    address="local",
    num_cpus=1,
    include_dashboard=False,
    log_to_driver=False,
    configure_logging=False,
    _temp_dir=sys.argv[1],
)


@ray.remote
class Actor:
    def die(self):
        os.kill(os.getpid(), 9)


try:
    ray.get(Actor.remote().die.remote())
except ray.exceptions.RayActorError:
    time.sleep(5)
ray.shutdown()
PYTHON
mkdir "$work/home"
HOME="$work/home" RAY_USAGE_STATS_ENABLED=0 RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0 \
    RAY_AUTH_TOKEN=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef \
    "$work/venv/bin/python" "$work/die.py" "$work/ray" >"$work/output" 2>/dev/null
echo "standard output: $(cut -c1-120 "$work/output")"
grep -q "A worker died or was killed while executing a task" "$work/output"
