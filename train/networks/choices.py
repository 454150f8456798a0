"""What can be asked for of a device; without PyTorch, so that a command can list it."""

from enum import StrEnum


class Device(StrEnum):
    """Where to train; ``auto`` takes CUDA if it is there."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; ``auto`` takes bf16 where it is native."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
