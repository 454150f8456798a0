#!/usr/bin/env bash
# ray.init() for a Ray of this machine alone writes a token into the user's home, and it stays there.
#
# Versions: ray 2.60.0, on Linux x86-64, Python 3.11.
# Behaviour: ray.init(address="local") makes ~/.ray/auth_token if there is none, also with a temporary folder of the
#   caller's own (_temp_dir), without a dashboard and with usage statistics off. ray.shutdown() leaves it. A token in
#   $RAY_AUTH_TOKEN prevents it.
# Seen on 2026-11-29:
#   without a token       .ray/auth_token
#   with RAY_AUTH_TOKEN   (nothing)
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat >"$work/start.py" <<'PYTHON'
import sys

import ray

ray.init(
    address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=sys.argv[1]
)
ray.shutdown()
PYTHON
files_after() { # Start Ray with this home and further variables, and list the files in the home.
    local home=$1
    shift
    mkdir "$home"
    env -u RAY_AUTH_MODE -u RAY_AUTH_TOKEN -u RAY_AUTH_TOKEN_PATH HOME="$home" RAY_USAGE_STATS_ENABLED=0 "$@" \
        "$work/venv/bin/python" "$work/start.py" "$work/ray" >"$work/log" 2>&1
    (cd "$home" && find . -type f -printf '%P\n')
}
without=$(files_after "$work/a")
with=$(files_after "$work/b" RAY_AUTH_TOKEN=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef)
echo "without a token       $without"
echo "with RAY_AUTH_TOKEN   ${with:-(nothing)}"
[[ "$without" == ".ray/auth_token" && -z "$with" ]]
