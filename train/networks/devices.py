"""Devices and arithmetic that a training can be asked for; free of PyTorch."""

from enum import StrEnum


class Device(StrEnum):
    """Device of a training; ``auto`` takes CUDA if it is there."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; ``auto`` takes bf16 where it is native."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
