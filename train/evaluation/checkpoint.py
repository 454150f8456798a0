"""The weights of a training run as a function from pixels to probabilities, by PyTorch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import ProviderError, UsageError
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.model.spec import ModelSpec

from ..calibration.calibrate import probability
from ..calibration.logits import answers_of
from ..networks.weights import load_checkpoint


def open_checkpoint(
    path: Path, device: Device, threads: int
) -> tuple[ModelSpec, Device, Callable[[PixelArray], npt.NDArray[np.float32]]]:
    """Return a checkpoint's specification, its device, and the function that scores pictures.

    Raises:
        InputError: the checkpoint cannot be used.
        ProviderError: CUDA is unavailable.
        UsageError: PyTorch does not support the device.
    """
    if device not in (Device.AUTO, Device.CPU, Device.CUDA):
        raise UsageError(f"a checkpoint cannot run on '{device}'; use auto, cpu or cuda")
    has_cuda = torch.cuda.is_available()
    if device is Device.CUDA and not has_cuda:
        raise ProviderError("the device 'cuda' cannot be used: PyTorch finds no NVIDIA GPU")
    place = Device.CUDA if has_cuda and device is not Device.CPU else Device.CPU
    network, spec = load_checkpoint(path)
    torch.set_num_threads(threads)
    answer = answers_of(network, place.value)
    return spec, place, lambda images: probability(answer(images), spec.calibration)
