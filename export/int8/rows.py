"""Quantization of a transformer's matrix products to int8, with a scale for each token.

A few channels of a transformer are a hundred times larger than the others, so one range for all
pictures rounds the rest away. The range of each token follows its own largest value (as in
LLM.int8, Dettmers et al. 2022). Sums of integers are exact, so an answer depends on no other
picture of its batch; ONNX Runtime's dynamic quantization has one range for the whole batch.

Each product calls a function of the model with two bodies: integers for CPUs, floating point for
devices without such integer products. ``infer.model.products`` chooses.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import FunctionProto, NodeProto, TensorProto, helper, numpy_helper

from trustthepixels.infer.model.products import FLOAT_DOMAIN, INTEGER_DOMAIN

from .weight_scales import channel_scales

PRODUCT = "TokenProduct"
"""Name of the function: tokens (batch, tokens, inputs), codes (inputs, outputs) and scales
(outputs,) to products (batch, tokens, outputs)."""

RAISED_PRODUCT = "RaisedTokenProduct"
"""Name of the function for tokens that QuickGELU made: they are hardly negative and need no codes
for it. Its fourth input is what their raise adds to the sums, (outputs,): a session that computed
it from the codes would open more slowly."""

_INPUTS = ("tokens", "codes", "scales")
_RAISED_INPUTS = (*_INPUTS, "excess")

_LARGEST = 127.0
_ZERO_POINT = 128
"""Code of 0 among the uint8 codes 1 to 255."""

_LARGEST_CODE = 255.0
_RAISE = 0.17
"""Added to tokens of QuickGELU; its minimum is -0.164."""


def has_tokens(model: onnx.ModelProto) -> bool:
    """Return whether the graph, or a part of it, is a transformer: it normalises each token."""
    return any(node.op_type == "LayerNormalization" for node in model.graph.node)


def before_products(model: onnx.ModelProto) -> list[NodeProto]:
    """Return the products with constant matrices, and all nodes that they depend on."""
    weights, needed = _weights(model), set[str]()
    found = []
    for node in reversed(model.graph.node):
        if _is_product(node, weights) or not needed.isdisjoint(node.output):
            needed.update(node.input)
            found.append(node)
    return found


def quantize_rows(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with int8 weights and uint8 tokens in its products with constant matrices.

    Everything else stays in float32: the first convolution, attention, normalisations, the
    residual stream and the head.

    Args:
        model: graph of ``export_graph``; unchanged.
    """
    weights = _weights(model)
    raised = _outputs_of_quick_gelu(model)
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    for node in model.graph.node:
        if not _is_product(node, weights):
            nodes.append(node)
            continue
        product = node.output[0]
        matrix = numpy_helper.to_array(weights[node.input[1]])
        scales = channel_scales(matrix.T[:, :, None, None])
        codes = np.clip(np.rint(matrix / scales), -_LARGEST, _LARGEST).astype(np.int8)
        kind = RAISED_PRODUCT if node.input[0] in raised else PRODUCT
        arrays = {f"{product}_codes": codes, f"{product}_scales": scales}
        if kind == RAISED_PRODUCT:
            column = codes.sum(axis=0, dtype=np.int64).astype(np.float32)
            arrays[f"{product}_excess"] = column * np.float32(_RAISE)
        constants += [numpy_helper.from_array(value, name) for name, value in arrays.items()]
        inputs = [node.input[0], *arrays]
        nodes.append(helper.make_node(kind, inputs, [product], domain=INTEGER_DOMAIN))
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.initializer[:]
    result.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [value for value in model.graph.initializer if value.name in used]
    result.graph.initializer.extend([*kept, *constants])
    result.opset_import.append(helper.make_opsetid(INTEGER_DOMAIN, 1))
    own = next(each for each in model.opset_import if each.domain == "")
    result.functions.extend(
        [
            _function(INTEGER_DOMAIN, PRODUCT, _INPUTS, _integer_body(), own),
            _function(INTEGER_DOMAIN, RAISED_PRODUCT, _RAISED_INPUTS, _raised_body(), own),
            _function(FLOAT_DOMAIN, PRODUCT, _INPUTS, _float_body(), own),
            _function(FLOAT_DOMAIN, RAISED_PRODUCT, _RAISED_INPUTS, _float_body(), own),
        ]
    )
    return result


def _outputs_of_quick_gelu(model: onnx.ModelProto) -> set[str]:
    """Return the names of the products of a number and a sigmoid."""
    sigmoids = {node.output[0] for node in model.graph.node if node.op_type == "Sigmoid"}
    return {
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Mul" and not sigmoids.isdisjoint(node.input)
    }


def _function(
    domain: str,
    name: str,
    inputs: Sequence[str],
    body: Iterable[NodeProto],
    opset: onnx.OperatorSetIdProto,
) -> FunctionProto:
    return helper.make_function(domain, name, inputs, ["product"], list(body), [opset])


def _integer_body() -> list[NodeProto]:
    """Return the nodes of the product in integers: the tokens' codes are rounded first."""
    return [
        _constant("largest", np.array(_LARGEST, np.float32)),
        _constant("middle", np.array(_ZERO_POINT, np.float32)),
        # Below every activation; it keeps the scale of an all-zero token finite.
        _constant("smallest", np.array(1e-12, np.float32)),
        _constant("zero_point", np.array(_ZERO_POINT, np.uint8)),
        _constant("last_axis", np.array([-1], np.int64)),
        helper.make_node("Abs", ["tokens"], ["sizes"]),
        helper.make_node("ReduceMax", ["sizes", "last_axis"], ["widest"]),
        helper.make_node("Max", ["widest", "smallest"], ["bound"]),
        helper.make_node("Div", ["bound", "largest"], ["step"]),
        helper.make_node("Div", ["tokens", "step"], ["steps"]),
        helper.make_node("Round", ["steps"], ["whole"]),
        helper.make_node("Add", ["whole", "middle"], ["shifted"]),
        helper.make_node("Cast", ["shifted"], ["rounded"], to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["rounded", "codes", "zero_point"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "step"], ["stepped"]),
        helper.make_node("Mul", ["stepped", "scales"], ["product"]),
    ]


def _raised_body() -> list[NodeProto]:
    """Return the nodes of the product in integers of tokens above ``-_RAISE``, zero point 0."""
    return [
        _constant("raise", np.array(_RAISE, np.float32)),
        _constant("largest", np.array(_LARGEST_CODE, np.float32)),
        _constant("last_axis", np.array([-1], np.int64)),
        helper.make_node("Add", ["tokens", "raise"], ["raised"]),
        # At least the raise of an all-zero token, so never 0.
        helper.make_node("ReduceMax", ["raised", "last_axis"], ["widest"]),
        helper.make_node("Div", ["widest", "largest"], ["step"]),
        helper.make_node("Div", ["raised", "step"], ["steps"]),
        helper.make_node("Round", ["steps"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["rounded"], to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["rounded", "codes"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "step"], ["stepped"]),
        helper.make_node("Sub", ["stepped", "excess"], ["lowered"]),
        helper.make_node("Mul", ["lowered", "scales"], ["product"]),
    ]


def _float_body() -> list[NodeProto]:
    """Return the nodes of the product in floating point: the tokens are not rounded."""
    return [
        helper.make_node("DequantizeLinear", ["codes", "scales"], ["matrix"], axis=1),
        helper.make_node("MatMul", ["tokens", "matrix"], ["product"]),
    ]


def _constant(name: str, value: npt.NDArray[np.generic]) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))


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
