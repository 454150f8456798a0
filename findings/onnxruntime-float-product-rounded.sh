#!/usr/bin/env bash
# ONNX Runtime rounds the float input of a product with stored int8 weights to 8 bits, from the second level of
# optimization on.
#
# Versions: onnxruntime 1.32.0, onnx 1.23.2, on Linux x86-64, CPU provider.
# Model: y = MatMul(x, DequantizeLinear(w, scale, zero point)), with float32 x of shape (n, 768) and 8-bit w of shape
#   (768, 768). The standard says: weights become float32, then a float32 product. Such files store weights in a
#   quarter of the bytes; nothing in them quantizes x.
# Behaviour: with ORT_DISABLE_ALL and ORT_ENABLE_BASIC the answer is that product. ORT_ENABLE_EXTENDED and
#   ORT_ENABLE_ALL, the default, replace both nodes by one MatMulNBits with accuracy level 4: x is rounded to 8 bits.
#   The session option session.qdq_matmulnbits_accuracy_level = 1 keeps the node and the float product.
# Seen on 2026-11-29, the largest error in shares of the largest answer, for int8 and uint8 weights, one scale or one
#   for each column:
#   ORT_DISABLE_ALL, ORT_ENABLE_BASIC      DequantizeLinear, MatMul   below 0.000001
#   ORT_ENABLE_EXTENDED, ORT_ENABLE_ALL    MatMulNBits                0.006 to 0.008
#   ORT_ENABLE_ALL, accuracy level 1       MatMulNBits                below 0.000001
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >"$work/product.py" <<'PYTHON'
import sys
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper

SIDE = 768
OPTIMIZED = Path(sys.argv[1]) / "optimized.onnx"
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((4, SIDE)).astype(np.float32)
STORED = RANDOM.integers(-127, 128, (SIDE, SIDE))


def model(kind, scale):
    """A valid model with one product, and the answer that the standard gives."""
    zero = np.full_like(scale, 0 if kind is np.int8 else 128, dtype=kind)
    weights = (STORED + zero.astype(np.int64)).astype(kind)
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["float"], axis=1),
            helper.make_node("MatMul", ["x", "float"], ["y"]),
        ],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", SIDE])],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(scale, "scale"),
            numpy_helper.from_array(zero, "zero"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(proto, full_check=True)
    return proto.SerializeToString(), X.astype(np.float64) @ (STORED * scale.astype(np.float64))


def answer(content, level, accuracy=None):
    """Operators after optimization, and the product."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(OPTIMIZED)
    options.log_severity_level = 4
    if accuracy is not None:
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", accuracy)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(OPTIMIZED).graph.node]
    return operators, session.run(None, {"x": X})[0]


EXACT, ROUNDED = ["DequantizeLinear", "MatMul"], ["MatMulNBits"]
CASES = (
    ("ORT_DISABLE_ALL", None, EXACT, 0.0, 1e-6),
    ("ORT_ENABLE_BASIC", None, EXACT, 0.0, 1e-6),
    ("ORT_ENABLE_EXTENDED", None, ROUNDED, 1e-3, 1e-2),
    ("ORT_ENABLE_ALL", None, ROUNDED, 1e-3, 1e-2),
    ("ORT_ENABLE_ALL", "1", ROUNDED, 0.0, 1e-6),
)
SCALES = (np.array(0.001, np.float32), RANDOM.uniform(0.0005, 0.0015, SIDE).astype(np.float32))
changed = 0
for kind, scale in product((np.int8, np.uint8), SCALES):
    content, expected = model(kind, scale)
    for level, accuracy, operators, least, most in CASES:
        found, y = answer(content, level, accuracy)
        error = float(np.abs(y - expected).max() / np.abs(expected).max())
        is_as_seen = found == operators and least <= error < most
        changed += not is_as_seen
        print(f"{kind.__name__:5} {scale.size:3} scales, {level:19} accuracy {accuracy}: {found}, error {error:.7f}")
sys.exit(1 if changed else 0)
PYTHON
"$work/venv/bin/python" "$work/product.py" "$work"
