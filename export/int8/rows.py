"""Quantization of a transformer's matrix products to int8, with a scale for each token.

A few channels of a transformer are a hundred times larger than the others, so one range for all
pictures rounds the rest away. The range of each token follows its own largest value (as in
LLM.int8, Dettmers et al. 2022). Sums of integers are exact, so an answer depends on no other
picture of its batch; ONNX Runtime's dynamic quantization has one range for the whole batch.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from .weight_scales import channel_scales

_LARGEST = 127.0
_ZERO_POINT = 128
"""Code of 0 among the uint8 codes 1 to 255."""

_CONSTANTS: dict[str, npt.NDArray[np.generic]] = {
    "rows_largest": np.array(_LARGEST, np.float32),
    "rows_middle": np.array(_ZERO_POINT, np.float32),
    # Below every activation; it keeps the scale of an all-zero token finite.
    "rows_smallest": np.array(1e-12, np.float32),
    "rows_zero_point": np.array(_ZERO_POINT, np.uint8),
    "rows_last_axis": np.array([-1], np.int64),
}


def has_matrix_products(model: onnx.ModelProto) -> bool:
    """Return whether most weights are of matrix products, as in a transformer."""
    dense = sum(_size(weight) for weight in _weights(model).values())
    return 2 * dense > sum(_size(value) for value in model.graph.initializer)


def quantize_rows(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with int8 weights and uint8 tokens in its products with constant matrices.

    Everything else stays in float32: the first convolution, attention, normalisations, the
    residual stream and the head.

    Args:
        model: graph of ``export_graph``; unchanged.
    """
    weights = _weights(model)
    nodes: list[NodeProto] = []
    constants = [numpy_helper.from_array(value, name) for name, value in _CONSTANTS.items()]
    coded: set[str] = set()
    for node in model.graph.node:
        if not _is_product(node, weights):
            nodes.append(node)
            continue
        tokens, product = node.input[0], node.output[0]
        if tokens not in coded:
            coded.add(tokens)
            nodes += _coding(tokens)
        matrix = numpy_helper.to_array(weights[node.input[1]])
        scales = channel_scales(matrix.T[:, :, None, None])
        codes = np.clip(np.rint(matrix / scales), -_LARGEST, _LARGEST).astype(np.int8)
        constants += [
            numpy_helper.from_array(codes, f"{product}_weight"),
            numpy_helper.from_array(scales, f"{product}_scale"),
        ]
        nodes += _product(tokens, product)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.initializer[:]
    result.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [value for value in model.graph.initializer if value.name in used]
    result.graph.initializer.extend([*kept, *constants])
    return result


def _coding(tokens: str) -> Iterator[NodeProto]:
    """Yield the nodes from tokens, float32 (batch, tokens, width), to codes and their scales."""

    def name(step: str) -> str:
        return f"{tokens}_{step}"

    yield helper.make_node("Abs", [tokens], [name("size")])
    yield helper.make_node("ReduceMax", [name("size"), "rows_last_axis"], [name("largest")])
    yield helper.make_node("Max", [name("largest"), "rows_smallest"], [name("bound")])
    yield helper.make_node("Div", [name("bound"), "rows_largest"], [name("step")])
    yield helper.make_node("Div", [tokens, name("step")], [name("steps")])
    yield helper.make_node("Round", [name("steps")], [name("whole")])
    yield helper.make_node("Add", [name("whole"), "rows_middle"], [name("shifted")])
    yield helper.make_node("Cast", [name("shifted")], [name("codes")], to=TensorProto.UINT8)


def _product(tokens: str, product: str) -> Iterator[NodeProto]:
    """Yield the nodes from codes to the product in float32."""
    codes = [f"{tokens}_codes", f"{product}_weight", "rows_zero_point"]
    yield helper.make_node("MatMulInteger", codes, [f"{product}_sum"])
    yield helper.make_node("Cast", [f"{product}_sum"], [f"{product}_float"], to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [f"{product}_float", f"{tokens}_step"], [f"{product}_tokens"])
    yield helper.make_node("Mul", [f"{product}_tokens", f"{product}_scale"], [product])


def _weights(model: onnx.ModelProto) -> dict[str, TensorProto]:
    """Return the constant matrices of products by name."""
    values = {value.name: value for value in model.graph.initializer}
    return {
        node.input[1]: values[node.input[1]]
        for node in model.graph.node
        if node.op_type == "MatMul" and len(values.get(node.input[1], TensorProto()).dims) == 2
    }


def _is_product(node: NodeProto, weights: dict[str, TensorProto]) -> bool:
    return bool(node.op_type == "MatMul" and node.input[1] in weights)


def _size(value: TensorProto) -> int:
    return int(np.prod(value.dims))
