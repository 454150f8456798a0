"""Residual stream of a quantized graph, which stays in float32.

Every block adds its result to the stream. Rounding the sum to 8 bits after every block would add up
errors, and the additions take almost no time.
"""

import math

import onnx

from .sections import Sections


def additions(parts: Sections) -> list[onnx.NodeProto]:
    """Return the body's additions, and the activations that follow them directly."""
    sums = [node for node in parts.body if node.op_type == "Add"]
    outputs = {name for node in sums for name in node.output}
    following = [
        node
        for node in parts.body
        if node.op_type in ("Relu", "Clip") and not outputs.isdisjoint(node.input)
    ]
    return [*sums, *following]


def exact_shortcuts(model: onnx.ModelProto, parts: Sections) -> list[onnx.NodeProto]:
    """Return the body's convolutions from stream to stream, at which a stage changes its width.

    Return none if they hold more than a hundredth of the weights: then a small file matters more.
    """
    sizes = {value.name: math.prod(value.dims) for value in model.graph.initializer}
    found = _shortcuts(parts)
    share = sum(sizes[node.input[1]] for node in found) / sum(sizes.values())
    return found if share <= _LARGEST_SHARE else []


_LARGEST_SHARE = 0.01


def _shortcuts(parts: Sections) -> list[onnx.NodeProto]:
    stream = {name for node in additions(parts) for name in node.output}
    added = {name for node in parts.body if node.op_type == "Add" for name in node.input}
    return [
        node
        for node in parts.body
        if node.op_type == "Conv" and node.input[0] in stream and node.output[0] in added
    ]


def keep_stream(model: onnx.ModelProto) -> None:
    """Let additions take a block's float32 input, not the int8 copy for its convolutions.

    Args:
        model: graph quantized without ``additions``; changed in place.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type != "Add":
            continue
        for index, name in enumerate(node.input):
            dequantized = producers.get(name)
            if dequantized is None or dequantized.op_type != "DequantizeLinear":
                continue
            quantized = producers.get(dequantized.input[0])
            if quantized is None:
                continue
            source = producers.get(quantized.input[0])
            if source is not None and source.op_type != "Conv":
                node.input[index] = quantized.input[0]
    _drop_unused(model)


def _drop_unused(model: onnx.ModelProto) -> None:
    wanted = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if not wanted.isdisjoint(node.output):
            kept.append(node)
            wanted.update(node.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
