"""float32 graph → int8 graph: static, QDQ, per channel, activations uint8 and weights int8."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

from trustthepixels.infer.preprocess import PixelArray
from trustthepixels.infer.session import INPUT_NAME

from .graph import tidy
from .request import RangeMethod
from .sections import sections

LoadPixels = Callable[[Path], PixelArray]
"""A file to what the network sees of it, uint8 (height, width, 3)."""

_BATCH_SIZE = 4
"""Pictures whose activations are held at a time: about 200 MB for a ResNet34 at 224 pixels."""


def to_int8(
    model: onnx.ModelProto, pictures: Sequence[Path], load: LoadPixels, method: RangeMethod
) -> onnx.ModelProto:
    """Quantize the body of the network; normalisation, first convolution and head stay float32.

    Weights have 7 bits (``reduce_range``): CPUs without VNNI add two products in 16 bits, and
    8-bit weights overflow there, so that the same file would give other answers on other CPUs.

    Args:
        model: as ``export_graph`` made it.
        pictures: training pictures from which the ranges of the activations are taken.
        load: how to read them.
        method: how to choose those ranges.

    Raises:
        InputError: the graph cannot be divided, see ``sections``.
    """
    # Imported here because ONNX Runtime is in no extra but cpu and gpu; the caller has checked.
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    parts = sections(model)
    kept = [*parts.normalisation, parts.body[0], *parts.head]
    methods = {
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
            _Reader(pictures, load),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=[node.name for node in kept],
            calibrate_method=methods[method],
            # Batch by batch, or the activations of all pictures are held at once.
            extra_options={"CalibStridedMinMax": 1},
        )
        return tidy(ir.from_proto(onnx.load(target)))


class _Reader:
    """ONNX Runtime's ``CalibrationDataReader``: reads pictures only when their batch is due."""

    def __init__(self, pictures: Sequence[Path], load: LoadPixels) -> None:
        self._batches = [
            pictures[start : start + _BATCH_SIZE] for start in range(0, len(pictures), _BATCH_SIZE)
        ]
        self._load = load
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Make ``get_next`` go through these batches."""
        self._pending = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, PixelArray] | None:
        """The next batch of the range, ``None`` at its end."""
        batch = next(self._pending, None)
        return None if batch is None else {INPUT_NAME: np.stack([self._load(p) for p in batch])}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the library prints and logs off standard output and standard error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
