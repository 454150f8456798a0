#!/usr/bin/env bash
# OpenVINO's CPU plugin adds a constant after a reduction by batch row, where the model adds it by column.
#
# Versions: openvino 2026.4.1, onnx 1.23.2, onnxruntime 1.32.0 (as the reference), on Linux x86-64 with AVX-512.
# Model: y = Reduce(x, axis 2, keepdims=0) + bias, with x of shape (batch, 3, 8) and bias [0, 10, 20], one
#   value for each column. That is a pooling over tokens with a bias, or a linear layer written as products and a sum.
# Behaviour: for a batch of 1 the answer is right. For larger batches row r gets bias[r] in all its columns, with
#   ReduceSum, ReduceMean and ReduceMax, in float32. It is right when the bias is added before the sum, an eighth
#   to each element, and ONNX Runtime is right in all cases.
# Seen on 2026-11-28 (the bias that was really added):
#   ReduceSum,  batch 1      onnxruntime [[0, 10, 20]]                            openvino [[0, 10, 20]]
#   ReduceSum,  batch 3      onnxruntime [[0, 10, 20], [0, 10, 20], [0, 10, 20]]  openvino [[0, 0, 0], [10, 10, 10], [20, 20, 20]]
#   ReduceMean, batch 3      the same two
#   ReduceMax,  batch 3      the same two
#   bias before the sum, 3   onnxruntime [[0, 10, 20], [0, 10, 20], [0, 10, 20]]  openvino [[0, 10, 20], [0, 10, 20], [0, 10, 20]]
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >"$work/bias.py" <<'PYTHON'
import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, checker, helper, numpy_helper

COLUMNS, LENGTH = 3, 8
BIAS = np.array([0, 10, 20], np.float32)
REDUCED = {"ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceMax": np.max}


def model(operator, bias_first):
    """A valid model: x reduced along its last axis, and a bias for each column."""
    node = helper.make_node
    if bias_first:
        bias = np.repeat(BIAS[:, None] / LENGTH, LENGTH, axis=1)
        nodes = [
            node("Add", ["x", "bias"], ["sum"]),
            node(operator, ["sum", "axes"], ["y"], keepdims=0),
        ]
    else:
        bias = BIAS
        nodes = [
            node(operator, ["x", "axes"], ["reduced"], keepdims=0),
            node("Add", ["reduced", "bias"], ["y"]),
        ]
    graph = helper.make_graph(
        nodes,
        "reduce_and_add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", COLUMNS, LENGTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", COLUMNS])],
        [
            numpy_helper.from_array(np.array([2]), "axes"),
            numpy_helper.from_array(bias.astype(np.float32), "bias"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def by_onnxruntime(content, x):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def by_openvino(content, x):
    core = openvino.Core()
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    return core.compile_model(core.read_model(content), "CPU", hints)(x)[0]


rng = np.random.default_rng(0)
right, as_seen = [[0, 10, 20]], True
by_row = [[0, 0, 0], [10, 10, 10], [20, 20, 20]]
for operator, batch, bias_first, expected in [
    ("ReduceSum", 1, False, right),
    ("ReduceSum", 3, False, by_row),
    ("ReduceMean", 3, False, by_row),
    ("ReduceMax", 3, False, by_row),
    ("ReduceSum", 3, True, right * 3),
]:
    x = rng.normal(size=(batch, COLUMNS, LENGTH)).astype(np.float32)
    content = model(operator, bias_first)
    added = [
        np.rint(run(content, x) - REDUCED[operator](x, axis=2)).astype(int).tolist()
        for run in (by_onnxruntime, by_openvino)
    ]
    place = "before" if bias_first else "after"
    print(f"{operator}, bias {place}, batch {batch}: onnxruntime {added[0]} openvino {added[1]}")
    as_seen &= added == [right * batch, expected]
raise SystemExit(0 if as_seen else "the behaviour has changed")
PYTHON
"$work/venv/bin/python" "$work/bias.py"
