"""One way to score pictures with either an exported model or a trained checkpoint."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trustthepixels.infer.errors import ProviderError, UsageError
from trustthepixels.infer.images.preprocess import PixelArray
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.model.providers import Device
from trustthepixels.infer.model.session import open_session
from trustthepixels.infer.model.spec import ModelSpec

from ..calibration.calibrate import probability

if TYPE_CHECKING:
    import torch

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
        return _open_checkpoint(Path(model), device, threads)
    exported = load_model(model)
    session = open_session(exported, device, threads)
    digest = hashlib.sha256(exported.content).hexdigest()
    return Scorer(exported.spec, exported.path.name, digest, session.device, session.run)


def _open_checkpoint(path: Path, device: Device, threads: int) -> Scorer:
    # Imported only here: to evaluate an ONNX file takes seconds less without PyTorch.
    import torch

    from ..networks.weights import load_checkpoint

    place = _torch_device(device)
    network, spec = load_checkpoint(path)
    network = network.to(place).to(memory_format=torch.channels_last)
    torch.set_num_threads(threads)

    @torch.inference_mode()
    def score(images: PixelArray) -> npt.NDArray[np.float32]:
        logits = network(torch.from_numpy(images).to(place))
        return probability(logits.float().cpu().numpy(), spec.calibration)

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Scorer(spec, path.name, digest, Device(place.type), score)


def _torch_device(device: Device) -> "torch.device":
    import torch

    if device not in (Device.AUTO, Device.CPU, Device.CUDA):
        raise UsageError(f"a checkpoint cannot run on '{device}'; use auto, cpu or cuda")
    if device is Device.CUDA and not torch.cuda.is_available():
        raise ProviderError("the device 'cuda' cannot be used: PyTorch finds no NVIDIA GPU")
    use_cuda = device is not Device.CPU and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")
