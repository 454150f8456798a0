"""One way to score pictures with either an exported model or a trained checkpoint."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trustthepixels.infer.images.preprocess import PixelArray
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.model.providers import Device
from trustthepixels.infer.model.session import open_session
from trustthepixels.infer.model.spec import ModelSpec

_CHECKPOINT_SUFFIXES = frozenset({".safetensors", ".ckpt", ".pt", ".pth"})

Score = Callable[[PixelArray], npt.NDArray[np.float32]]
"""uint8 pictures of shape (batch, height, width, 3) to ``p_ai``, float32 of shape (batch,)."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model ready to score pictures, wherever it came from.

    Attributes:
        spec: what the model is and how its numbers become verdicts.
        file: name of its file.
        digest: SHA-256 (hex) of that file.
        device: where it runs.
        score: pixels to probabilities.
    """

    spec: ModelSpec
    file: str
    digest: str
    device: Device
    score: Score


def open_scorer(model: str, device: Device, threads: int) -> Scorer:
    """Open an ONNX file of ours, a bundled model, or the weights of a training run.

    Args:
        model: a path, or the name of a bundled model.
        device: where to run; a checkpoint knows ``auto``, ``cpu`` and ``cuda``.
        threads: threads of one operator on the CPU.

    Raises:
        ModelError: the ONNX file cannot be used.
        InputError: the checkpoint cannot be used.
        ProviderError: the device is not there.
        UsageError: a checkpoint cannot run on such a device.
    """
    if Path(model).suffix.lower() in _CHECKPOINT_SUFFIXES:
        # To evaluate an ONNX file takes seconds less without PyTorch.
        from .checkpoint import open_checkpoint

        path = Path(model)
        spec, place, score = open_checkpoint(path, device, threads)
        return Scorer(spec, path.name, hashlib.sha256(path.read_bytes()).hexdigest(), place, score)
    exported = load_model(model)
    session = open_session(exported, device, threads)
    digest = hashlib.sha256(exported.content).hexdigest()
    return Scorer(exported.spec, exported.path.name, digest, session.device, session.run)
