#!/usr/bin/env bash
# ONNX Runtime sums equal rows to different numbers: the last bits depend on where in the batch a row lies.
#
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, on Linux x86-64, CPU provider, one thread.
# Model: y = ReduceSum(x, axis 1), with float32 x of shape (12, length) whose twelve rows are all equal. ReduceMean too.
# Behaviour: rows whose length is a multiple of 4 (16 bytes) get equal sums. Rows of another length get up to four
#   different sums within one call, in a pattern that repeats every four rows, so a row's sum depends on the place of
#   its first number in memory. MatMul with a column of ones gives all rows the same number. So a model with such a sum
#   answers differently when a picture is judged alone, or at another place of a batch.
# Seen on 2026-11-30, different numbers among the twelve, the most for 50 random rows:
#   length                   15  16  17  31  32  33  63  64  65  768
#   ReduceSum, ReduceMean     4   1   4   4   1   4   4   1   4    1
#   MatMul                    1   1   1   1   1   1   1   1   1    1
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >"$work/sum.py" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper

ROWS, DRAWS, LENGTHS = 12, 50, (15, 16, 17, 31, 32, 33, 63, 64, 65, 768)


def session(operator, length):
    """A valid model that sums each row."""
    if operator == "MatMul":
        second, shape = numpy_helper.from_array(np.ones((length, 1), np.float32), "second"), [ROWS, 1]
        node = helper.make_node("MatMul", ["x", "second"], ["y"])
    else:
        second, shape = numpy_helper.from_array(np.array([1]), "second"), [ROWS]
        node = helper.make_node(operator, ["x", "second"], ["y"], keepdims=0)
    graph = helper.make_graph(
        [node],
        "sum",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, length])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [second],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(proto, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


rng = np.random.default_rng(0)
as_seen = True
for operator in ("ReduceSum", "ReduceMean", "MatMul"):
    most = {}
    for length in LENGTHS:
        run = session(operator, length)
        different = []
        for _ in range(DRAWS):
            row = rng.standard_normal((1, length)).astype(np.float32)
            sums = run.run(None, {"x": np.repeat(row, ROWS, axis=0)})[0].ravel()
            different.append(len(set(sums.tolist())))
            as_seen &= bool((sums == np.tile(sums[:4], ROWS // 4)).all())
        most[length] = max(different)
    print(f"{operator}: different sums of equal rows, by length: {most}")
    for length, count in most.items():
        differs = operator != "MatMul" and length % 4 != 0
        as_seen &= count == (4 if differs else 1)
raise SystemExit(0 if as_seen else "the behaviour has changed")
PYTHON
"$work/venv/bin/python" "$work/sum.py"
