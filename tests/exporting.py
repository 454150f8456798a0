"""A small real network with a checkpoint, and everything that exporting it takes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from labelled_pictures import write_labelled_pictures

from trustthepixels.export.request import ExportRequest, Precision, RangeMethod
from trustthepixels.infer.model.spec import Calibration, ModelSpec
from trustthepixels.infer.model.verdicts import OperatingPoint, Thresholds
from trustthepixels.train.calibration.calibrate import probability
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.data.splits import Split, write_splits
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.weights import save_weights
from trustthepixels.train.pictures.load import load_pixels

SIDE = 64
SPEC = ModelSpec(
    name="small",
    architecture="test_resnet",
    calibration=Calibration(),
    thresholds=Thresholds((OperatingPoint(0.01, 0.9), OperatingPoint(0.05, 0.7)), 0.01, 0.2),
    input_size=(SIDE, SIDE),
    data_fingerprint="0" * 64,
    versions={"trustthepixels": "0"},
)


def write_inputs(folder: Path) -> ExportRequest:
    """Write 144 pictures, their splits and a checkpoint; ask for fp32."""
    data = write_labelled_pictures(folder / "data", per_picture=8)
    samples = load_samples(data)
    # Half and half, because every export is checked on 64 validation pictures or more.
    parts = {sample.file: list(Split)[index % 2] for index, sample in enumerate(samples)}
    write_splits(folder / "splits.csv", parts)
    pixels = np.stack([load_pixels(sample.path, SPEC.input_shape) for sample in samples])
    write_checkpoint(folder / "weights.safetensors", pixels)
    return ExportRequest(
        checkpoint=folder / "weights.safetensors",
        out=folder / "model.onnx",
        report=folder / "model.report.json",
        precision=Precision.FP32,
        data=data,
        splits=folder / "splits.csv",
        exclude_sources=(),
        seed=42,
        range_method=RangeMethod.MINMAX,
        calibration=None,
        calibration_size=32,
        threads=1,
    )


def write_checkpoint(path: Path, pixels: np.ndarray) -> None:
    """A network that tells pictures apart, calibrated so that its answers spread over 0 to 1.

    Its features are random, and its last layer looks along their principal component. Thresholds
    and the probability of 0.5 lie in gaps between its answers, so that a change of its verdicts is
    a defect and not rounding.
    """
    torch.manual_seed(0)
    network = Classifier(SPEC.architecture).eval()
    images = torch.from_numpy(pixels)
    with torch.inference_mode():
        features: list[torch.Tensor] = []
        last = network.backbone.get_classifier()
        hook = last.register_forward_pre_hook(lambda _module, inputs: features.extend(inputs))
        network(images)
        hook.remove()
        principal = torch.pca_lowrank(features[0], q=1)[2].T
        last.weight.copy_(torch.cat([-principal, principal]))
        logits = network(images).numpy().astype(np.float64)
    margin = logits[:, 1] - logits[:, 0]
    temperature = float(margin.std() / 2.0)
    calibration = Calibration(temperature, -_widest_gap(margin, 0.4, 0.6) / temperature)
    p_ai = probability(logits, calibration).astype(np.float64)
    thresholds = Thresholds(
        (
            OperatingPoint(0.01, _widest_gap(p_ai, 0.85, 0.95)),
            OperatingPoint(0.05, _widest_gap(p_ai, 0.7, 0.8)),
        ),
        0.01,
        _widest_gap(p_ai, 0.2, 0.3),
    )
    spec = replace(SPEC, calibration=calibration, thresholds=thresholds)
    save_weights(path, network, spec)


def _widest_gap(values: np.ndarray, low: float, high: float) -> float:
    """The middle of the widest gap between two quantiles."""
    ordered = np.sort(values)[int(low * len(values)) : int(high * len(values))]
    widest = int(np.diff(ordered).argmax())
    return float(ordered[widest] + ordered[widest + 1]) / 2.0
