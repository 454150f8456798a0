"""Scales of int8 weights with the least squared error that is safe on every CPU.

Processors without VNNI add the products of two neighbouring values in 16 bits, saturating
(``vpmaddubsw``). With activations up to 255, two weights of the same sign must not exceed 128
together; otherwise the same file gives other answers on other CPUs. ONNX Runtime's ``reduce_range``
gives every weight 7 bits for that. Only pairs matter, so most channels can have nearly 8.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

FloatArray = npt.NDArray[np.floating]

_LIMIT = 127
_PAIR_LIMIT = 128
_SHARES = np.linspace(0.4, 1.2, 33)
"""Tried scales, relative to the one at which the largest weight is 127."""


def weight_scales(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> dict[str, FloatArray]:
    """Return scales by the weights' name, each float32 (output channels,).

    Args:
        model: graph that holds the weights.
        nodes: nodes of the body; the convolutions among them are quantized.
    """
    weights = {value.name: value for value in model.graph.initializer}
    names = [node.input[1] for node in nodes if node.op_type == "Conv"]
    return {name: channel_scales(numpy_helper.to_array(weights[name])) for name in names}


def channel_scales(weight: FloatArray) -> FloatArray:
    """Return one scale for each output channel, float32 (output channels,).

    Args:
        weight: (output channels, input channels, height, width).
    """
    rows = _neighbours(weight.astype(np.float64))
    largest = np.maximum(np.abs(rows).max(axis=1), 1e-12)
    # At this scale no pair exceeds the limit, even after rounding.
    best = np.maximum(largest / _LIMIT, _largest_pair(rows) / (_PAIR_LIMIT - 1))
    error = _squared_error(rows, best)
    for share in _SHARES:
        scale = largest * share / _LIMIT
        rounded = _rounded(rows, scale)
        trial = _squared_error(rows, scale)
        better = (trial < error) & (_largest_pair(rounded) <= _PAIR_LIMIT)
        best, error = np.where(better, scale, best), np.where(better, trial, error)
    scales: FloatArray = best.astype(np.float32)
    return scales


def _neighbours(weight: FloatArray) -> FloatArray:
    """Return weights, (output channels, n), in the kernels' order: input channels last."""
    rows = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)
    padded: FloatArray = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
    return padded


def _largest_pair(rows: FloatArray) -> FloatArray:
    """Return the largest sum of two neighbours of the same sign, (output channels,)."""
    sums = [np.maximum(sign * rows, 0.0) for sign in (1.0, -1.0)]
    largest: FloatArray = np.max([(s[:, 0::2] + s[:, 1::2]).max(axis=1) for s in sums], axis=0)
    return largest


def _rounded(rows: FloatArray, scale: FloatArray) -> FloatArray:
    return np.clip(np.rint(rows / scale[:, None]), -_LIMIT, _LIMIT)


def _squared_error(rows: FloatArray, scale: FloatArray) -> FloatArray:
    error: FloatArray = np.square(_rounded(rows, scale) * scale[:, None] - rows).sum(axis=1)
    return error
