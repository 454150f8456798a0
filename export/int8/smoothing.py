"""Transfer of a transformer's largest activations to its weights, before int8.

A few channels of each normalisation are a hundred times larger than the others. The normalisation
divides them by a factor, and the matrix after it takes the factor back: the graph computes the
same, and both sides round well (SmoothQuant, Xiao et al. 2023).
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from .activation_ranges import Batches, activations

_FloatArray = npt.NDArray[np.float32]

_SHARE = 0.65
"""Share of the activations' range that goes to the weights. Of 0.35, 0.5, 0.65 and 0.8, it changes
the logits of CLIP's first six blocks least."""

_SMALLEST = 1e-5
"""Lower bound of both ranges; it keeps the factor of an idle channel finite."""


def smooth(model: onnx.ModelProto, batches: Batches) -> onnx.ModelProto:
    """Return a graph that computes the same with smaller activations before its products.

    Args:
        model: graph of ``export_graph``; unchanged.
        batches: pictures on which the channels are measured.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    values = {value.name: value for value in result.graph.initializer}
    pairs = _pairs(result, values)
    largest = _largest(model, [norm.output[0] for norm, _ in pairs], batches)
    for norm, product in pairs:
        matrix = numpy_helper.to_array(values[product.input[1]])
        activation = np.maximum(largest[norm.output[0]], _SMALLEST)
        weight = np.maximum(np.abs(matrix).max(axis=1), _SMALLEST)
        factor = activation**_SHARE / weight ** (1.0 - _SHARE)
        # A common factor would change nothing but the numbers' size.
        factor /= np.exp(np.log(factor).mean())
        for name in norm.input[1:]:
            _replace(values[name], numpy_helper.to_array(values[name]) / factor)
        _replace(values[product.input[1]], matrix * factor[:, None])
    return result


def _pairs(
    model: onnx.ModelProto, values: dict[str, TensorProto]
) -> list[tuple[NodeProto, NodeProto]]:
    """Return each normalisation whose result enters one product with a constant matrix alone."""
    norms = {node.output[0]: node for node in model.graph.node if _is_norm(node, values)}
    users: dict[str, list[NodeProto]] = {name: [] for name in norms}
    for node in model.graph.node:
        for name in norms.keys() & set(node.input):
            users[name].append(node)
    return [
        (norms[name], only[0])
        for name, only in users.items()
        if len(only) == 1 and only[0].op_type == "MatMul" and only[0].input[1] in values
    ]


def _is_norm(node: NodeProto, values: dict[str, TensorProto]) -> bool:
    return node.op_type == "LayerNormalization" and all(name in values for name in node.input[1:])


def _largest(
    model: onnx.ModelProto, tensors: list[str], batches: Batches
) -> dict[str, _FloatArray]:
    """Return the largest size of each channel of each tensor, (channels,)."""
    found: dict[str, _FloatArray] = {}
    for batch in activations(model, tensors, batches):
        for name, value in batch.items():
            size = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            found[name] = np.maximum(found.get(name, size), size)
    return found


def _replace(tensor: TensorProto, value: npt.NDArray[np.floating]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), tensor.name))
