"""One way to score pictures with either an exported model or a trained checkpoint."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trustthepixels.infer.choices import Device
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.model.bundled import installed_models, load_model
from trustthepixels.infer.model.session import open_session
from trustthepixels.infer.model.spec import ModelSpec

_CHECKPOINT_SUFFIXES = frozenset({".safetensors", ".ckpt", ".pt", ".pth"})

Score = Callable[[PixelArray], npt.NDArray[np.float32]]
"""Function from pictures (uint8, (batch, *axes of the input)) to ``p_ai`` (float32, (batch,))."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model ready to score pictures, from either source.

    Attributes:
        spec: specification of the model.
        file: name of its file.
        digest: SHA-256 (hex) of that file.
        device: device on which it runs.
        score: function from pixels to probabilities.
        is_bundled: true for the models that come with the package.
    """

    spec: ModelSpec
    file: str
    digest: str
    device: Device
    score: Score
    is_bundled: bool = False


def open_scorer(model: str, device: Device, threads: int) -> Scorer:
    """Open an ONNX file, a bundled model, or the weights of a training run.

    Args:
        model: a path, or the name of a bundled model.
        device: device to run on; a checkpoint supports ``auto``, ``cpu`` and ``cuda``.
        threads: threads of one operator on the CPU.

    Raises:
        ModelError: the ONNX file cannot be used.
        InputError: the checkpoint cannot be used.
        ProviderError: the device is unavailable.
        UsageError: a checkpoint does not support the device.
    """
    if Path(model).suffix.lower() in _CHECKPOINT_SUFFIXES:
        # To evaluate an ONNX file takes seconds less without PyTorch.
        open_checkpoint = import_module(".checkpoint", __package__).open_checkpoint

        path = Path(model)
        spec, place, score = open_checkpoint(path, device, threads)
        return Scorer(spec, path.name, hashlib.sha256(path.read_bytes()).hexdigest(), place, score)
    exported = load_model(model)
    session = open_session(exported, device, threads)
    digest = hashlib.sha256(exported.content).hexdigest()
    files = {path.resolve() for path in installed_models().values()}
    return Scorer(
        exported.spec,
        exported.path.name,
        digest,
        session.device,
        session.run,
        is_bundled=exported.path.resolve() in files,
    )
