"""Static quantization to int8: QDQ, per channel, activations uint8 and weights int8."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.model.session import INPUT_NAME

from ..graph import tidy
from ..request import RangeMethod
from .activation_ranges import activation_ranges
from .bias_correction import correct_bias
from .residual import additions, exact_shortcuts, keep_stream
from .rows import before_products, has_tokens, quantize_rows
from .sections import sections
from .smoothing import smooth
from .weight_scales import weight_scales

LoadPixels = Callable[[Path], PixelArray]
"""Function from a file to the network's input of it, uint8 of one shape."""

_ACTIVE = frozenset({"Conv", "Relu", "Clip", "MaxPool"})
"""Operators with rounded results, as far as they are inputs or outputs of quantized
convolutions."""

_BATCH_SIZE = 4
"""Pictures whose activations are in memory at once: about 200 MB for a ResNet34 at 224 pixels."""


def to_int8(
    model: onnx.ModelProto, pictures: Sequence[Path], load: LoadPixels, method: RangeMethod
) -> onnx.ModelProto:
    """Quantize a network's convolutions, and a transformer's products, see ``rows``.

    Of the convolutions, the first ones, a few narrow shortcuts and those before a transformer's
    products are left out.

    Normalisation, these convolutions, residual stream and head stay in float32. They take almost no
    time, and their rounding errors would affect everything after them.

    Args:
        model: graph of ``export_graph``.
        pictures: training pictures, on which the ranges of the activations are measured.
        load: reads a picture.
        method: method for choosing the ranges.

    Raises:
        InputError: the graph cannot be divided, see ``sections``.
    """
    reader = _Reader(pictures, load)
    if not has_tokens(model):
        rounded = _with_rounded_convolutions(model, [], reader, method)
    else:
        smoothed, before = smooth(model, reader), before_products(model)
        rounded = quantize_rows(_with_rounded_convolutions(smoothed, before, reader, method))
    correct_bias(rounded, model, reader)
    return tidy(ir.from_proto(rounded))


def _with_rounded_convolutions(
    model: onnx.ModelProto,
    left_out: Sequence[onnx.NodeProto],
    reader: "_Reader",
    method: RangeMethod,
) -> onnx.ModelProto:
    """Return the graph with quantized convolutions; the same if all are left out."""
    parts = sections(model)
    exact = [*parts.first, *additions(parts), *exact_shortcuts(model, parts), *left_out]
    kept = [*parts.normalisation, *exact, *parts.head]
    names = {node.name for node in kept}
    rounded = [node for node in parts.body if node.name not in names]
    if not any(node.op_type == "Conv" for node in rounded):
        return model
    overrides = _weight_overrides(model, rounded)
    if method is RangeMethod.LEAST_SQUARES:
        tensors = [name for node in parts.body if node.op_type in _ACTIVE for name in node.output]
        ranges = activation_ranges(model, tensors, reader)
        for name, limits in ranges.items():
            overrides[name] = [{"rmin": np.float32(limits.low), "rmax": np.float32(limits.high)}]
    methods = {
        # Its measurement is overridden for every tensor.
        RangeMethod.LEAST_SQUARES: CalibrationMethod.MinMax,
        RangeMethod.MINMAX: CalibrationMethod.MinMax,
        RangeMethod.PERCENTILE: CalibrationMethod.Percentile,
        RangeMethod.ENTROPY: CalibrationMethod.Entropy,
    }
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(model.SerializeToString(deterministic=True))
        quantize_static(
            source,
            target,
            reader,
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=[node.name for node in kept],
            calibrate_method=methods[method],
            # Batch by batch; otherwise the activations of all pictures are in memory at once.
            extra_options={
                "CalibStridedMinMax": 1,
                "DedicatedQDQPair": True,
                "TensorQuantOverrides": overrides,
            },
        )
        quantized = onnx.load(target)
    keep_stream(quantized)
    return quantized


def _weight_overrides(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto]
) -> dict[str, list[dict[str, Any]]]:
    """Return ``weight_scales`` in ONNX Runtime's form."""
    zero = np.array(0, np.int8)
    return {
        name: [{"axis": 0, "scale": np.array(scale), "zero_point": zero} for scale in scales]
        for name, scales in weight_scales(model, nodes).items()
    }


class _Reader:
    """ONNX Runtime's ``CalibrationDataReader``; it reads pictures only when their batch is due."""

    def __init__(self, pictures: Sequence[Path], load: LoadPixels) -> None:
        self._batches = [
            pictures[start : start + _BATCH_SIZE] for start in range(0, len(pictures), _BATCH_SIZE)
        ]
        self._load = load
        self.set_range(0, len(self))

    def __getitem__(self, index: int) -> PixelArray:
        """Return one batch, uint8 (batch, *axes); it is read anew every time."""
        return np.stack([self._load(picture) for picture in self._batches[index]])

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Select the batches of ``get_next``."""
        self._pending = iter(range(start_index, min(end_index, len(self))))

    def get_next(self) -> dict[str, PixelArray] | None:
        """Return the next batch of the range; ``None`` at its end."""
        index = next(self._pending, None)
        return None if index is None else {INPUT_NAME: self[index]}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the library's prints and logs on standard output and standard error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
