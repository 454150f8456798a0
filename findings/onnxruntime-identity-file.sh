#!/usr/bin/env bash
# ONNX Runtime leaves a device identity in the user's home, also when its telemetry events are disabled.
#
# Versions: onnxruntime 1.32.0, onnx 1.23.2, on Linux x86-64.
# Model: one Identity node. A session runs it once, after disable_telemetry_events().
# Behaviour: the folder ~/.cache/Microsoft/DeveloperTools/.onnxruntime appears, with an identity of the machine and a
#   database. With ORT_DISABLE_TELEMETRY=1 in the environment before the import, nothing appears.
# Seen on 2026-11-28:
#   disable_telemetry_events()   deviceid onnxruntime.db
#   ORT_DISABLE_TELEMETRY=1      nothing
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat >"$work/session.py" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

onnxruntime.disable_telemetry_events()
value = helper.make_tensor_value_info
graph = helper.make_graph(
    [helper.make_node("Identity", ["x"], ["y"])],
    "one",
    [value("x", TensorProto.FLOAT, [1])],
    [value("y", TensorProto.FLOAT, [1])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
session.run(None, {"x": np.zeros(1, np.float32)})
PYTHON
files() { find "$1" -type f -printf '%f\n' | sort | tr '\n' ' '; }
mkdir "$work/disabled" "$work/variable"
env -u ORT_DISABLE_TELEMETRY -u XDG_CACHE_HOME HOME="$work/disabled" "$work/venv/bin/python" "$work/session.py"
env -u XDG_CACHE_HOME HOME="$work/variable" ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" "$work/session.py"
first=$(files "$work/disabled")
second=$(files "$work/variable")
echo "disable_telemetry_events()   ${first:-nothing}"
echo "ORT_DISABLE_TELEMETRY=1      ${second:-nothing}"
[[ "$first" == "deviceid onnxruntime.db " && -z "$second" ]]
