"""Ranges of activations for int8: half-way between no clipping and the least squared error.

A wide range rounds every value coarsely; a narrow one cuts off the largest. The least squared error
(as in Banner et al. 2019, ACIQ, but on the measured histogram) gives all values the same weight.
The few largest hold the evidence, so the range goes half-way back to them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnx
import onnx.shape_inference

from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.model.providers import load_onnxruntime
from trustthepixels.infer.model.session import INPUT_NAME

_LEVELS = 255
_BINS = 2048
_SHARES = np.linspace(0.3, 1.0, 36)
"""Shares of the full range at which a limit is tried."""

_STRIDE = 11
"""Step between the values that enter a histogram: prime, so that no channel or column is left
out."""


class Batches(Protocol):
    """Batches of pictures, each uint8 (batch, *axes of the input); they are read twice."""

    def __len__(self) -> int:
        """Return the number of batches."""

    def __getitem__(self, index: int, /) -> PixelArray:
        """Return one batch."""


@dataclass(frozen=True, slots=True)
class Range:
    """Smallest and largest value of an int8 code; 0 lies between or on them."""

    low: float
    high: float


def activation_ranges(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Batches
) -> dict[str, Range]:
    """Return the range of each tensor on some pictures.

    Args:
        model: the graph in float32.
        tensors: names of activations.
        batches: the pictures.
    """
    full = {name: Range(0.0, 0.0) for name in tensors}
    for values in activations(model, tensors, batches):
        for name, value in values.items():
            low, high = float(value.min()), float(value.max())
            full[name] = Range(min(full[name].low, low), max(full[name].high, high))
    counts = {name: np.zeros(_BINS, np.int64) for name in tensors}
    for values in activations(model, tensors, batches):
        for name, value in values.items():
            limits = (full[name].low, max(full[name].high, full[name].low + 1e-12))
            counts[name] += np.histogram(value.ravel()[::_STRIDE], _BINS, limits)[0]
    return {name: _half_way(full[name], counts[name]) for name in tensors}


def least_squares_range(counts: npt.NDArray[np.int64], full: Range) -> Range:
    """Return the range with the least squared error of rounding and clipping together.

    Args:
        counts: histogram over ``full``, in bins of equal width.
        full: range from the smallest value to the largest.
    """
    edges = np.linspace(full.low, full.high, len(counts) + 1)
    centres = (edges[:-1] + edges[1:]) / 2.0
    weights = counts / max(1, counts.sum())

    def error(limits: Range) -> float:
        step = (limits.high - limits.low) / _LEVELS
        clipped = np.clip(centres, limits.low, limits.high)
        inside = weights[clipped == centres].sum()
        return float((weights * (centres - clipped) ** 2).sum() + inside * step**2 / 12.0)

    lows = {full.low * share for share in _SHARES}
    highs = {full.high * share for share in _SHARES}
    candidates = [Range(low, high) for low in sorted(lows) for high in sorted(highs)]
    return min(candidates, key=error)


def _half_way(full: Range, counts: npt.NDArray[np.int64]) -> Range:
    least = least_squares_range(counts, full)
    return Range((full.low + least.low) / 2.0, (full.high + least.high) / 2.0)


def activations(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Batches
) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    """Yield the tensors' values of each batch."""
    shaped = onnx.shape_inference.infer_shapes(model)
    known = {value.name: value for value in shaped.graph.value_info}
    shaped.graph.output.extend(known[name] for name in tensors)
    session = load_onnxruntime().InferenceSession(
        shaped.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for index in range(len(batches)):
        values = session.run(list(tensors), {INPUT_NAME: batches[index]})
        yield dict(zip(tensors, values, strict=True))
