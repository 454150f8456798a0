"""Request of one export."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Precision(StrEnum):
    """Arithmetic of the exported model's layers; inputs and outputs are the same in all."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


class RangeMethod(StrEnum):
    """Method by which int8 chooses the range of each activation from the training pictures.

    ``LEAST_SQUARES`` is that of ``activation_ranges``; the others are ONNX Runtime's.
    """

    LEAST_SQUARES = "least-squares"
    MINMAX = "minmax"
    PERCENTILE = "percentile"
    ENTROPY = "entropy"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Checkpoint to export, target file, and pictures for the checks.

    Attributes:
        checkpoint: weights of a training run.
        out: the ONNX file.
        report: the JSON of the checks.
        precision: precision of the exported model.
        data: a manifest, or a folder with one or with ``AI/`` and ``Real/``.
        splits: a ``file,split`` CSV; ``None`` makes the split from ``seed`` as ``train`` does.
        exclude_sources: sources of the manifest to leave out.
        seed: seed of the split if there is no ``splits``.
        range_method: int8 only.
        calibration: JSON of ``trustthepixels calibrate`` instead of the checkpoint's own
            calibration and thresholds; ``None`` uses the checkpoint's.
        calibration_size: int8 only: number of training pictures for measuring the ranges.
        threads: threads of PyTorch and ONNX Runtime.
    """

    checkpoint: Path
    out: Path
    report: Path
    precision: Precision
    data: Path
    splits: Path | None
    exclude_sources: tuple[str, ...]
    seed: int
    range_method: RangeMethod
    calibration: Path | None
    calibration_size: int
    threads: int
