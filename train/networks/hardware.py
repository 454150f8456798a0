"""Device and arithmetic of a training."""

from dataclasses import dataclass
from typing import Literal

import torch

from trustthepixels.infer.errors import ProviderError

from .choices import Device, Precision

Accelerator = Literal["cuda", "cpu"]
PrecisionName = Literal["32-true", "bf16-mixed"]


def choose_accelerator(device: Device) -> Accelerator:
    """Return Lightning's and PyTorch's name for the device.

    Raises:
        ProviderError: CUDA was asked for and is unavailable.
    """
    if torch.cuda.is_available() and device is not Device.CPU:
        return "cuda"
    if device is Device.CUDA:
        raise ProviderError(
            "no CUDA device is usable by PyTorch; use --device cpu to train on the CPU"
        )
    return "cpu"


def choose_precision(precision: Precision, accelerator: Accelerator) -> PrecisionName:
    """Return Lightning's name for the arithmetic; ``auto`` is bf16 if the hardware has it."""
    if precision is Precision.AUTO:
        native = (
            torch.cuda.is_bf16_supported()
            if accelerator == "cuda"
            else torch.cpu._is_avx512_bf16_supported()
        )
        precision = Precision.BF16 if native else Precision.FP32
    return "bf16-mixed" if precision is Precision.BF16 else "32-true"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Device and precision of a network's computation.

    Attributes:
        accelerator: PyTorch's name of the device.
        precision: Lightning's name.
    """

    accelerator: Accelerator
    precision: PrecisionName

    def autocast(self) -> torch.autocast:
        """Return the context in which a network computes with this precision."""
        is_mixed = self.precision == "bf16-mixed"
        return torch.autocast(self.accelerator, torch.bfloat16, enabled=is_mixed)


def choose_arithmetic(
    device: Device = Device.AUTO, precision: Precision = Precision.AUTO
) -> Arithmetic:
    """Return the requested arithmetic, or the best available one.

    Raises:
        ProviderError: CUDA was asked for and is unavailable.
    """
    accelerator = choose_accelerator(device)
    return Arithmetic(accelerator, choose_precision(precision, accelerator))


def process_count(accelerator: Accelerator) -> int:
    """Return the number of processes that train: Lightning has one for each GPU."""
    return torch.cuda.device_count() if accelerator == "cuda" else 1
